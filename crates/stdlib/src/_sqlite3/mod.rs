//! `_sqlite3`: databases in SQLite files, over the bundled library. `db` is the library without Python, `connection` and `cursor` are the
//! objects of the DB-API, `row` is a row that knows its columns.

mod connection;
mod cursor;
mod db;
mod row;

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use db::{DbError, Raw};
use libsqlite3_sys as sq;
use macros::{pyclass, pymodule};
use runtime::objects::support::{alloc, py_bool};
use runtime::prelude::*;
use std::sync::OnceLock;

pub(crate) const PARSE_DECLTYPES: i64 = 1;
pub(crate) const PARSE_COLNAMES: i64 = 2;

/// Whether exceptions in callbacks are reported.
static TRACEBACKS: AtomicBool = AtomicBool::new(false);
/// Whether somebody registered an adapter for int, float or str.
static BASIC_ADAPTED: AtomicBool = AtomicBool::new(false);

static EXCEPTIONS: OnceLock<Vec<(&'static str, PyRef)>> = OnceLock::new();
static ADAPTERS: OnceLock<Ref<Dict>> = OnceLock::new();
static CONVERTERS: OnceLock<Ref<Dict>> = OnceLock::new();

fn exception(name: &str) -> Option<&'static PyRef> {
    EXCEPTIONS.get().and_then(|v| v.iter().find(|e| e.0 == name)).map(|e| &e.1)
}

/// One of the DB-API's exceptions with a text.
fn error(name: &str, text: &str) -> Raised {
    match exception(name).and_then(|e| e.downcast::<Type>()) {
        Some(t) => runtime::error::raise_message(t, format_args!("{text}")),
        None => raise!(SystemError, "_sqlite3 is not initialised"),
    }
}

/// Names of the result codes that are told apart most often.
fn code_name(code: i32) -> String {
    CODES
        .iter()
        .find(|c| c.1 == code)
        .or_else(|| CODES.iter().find(|c| c.1 == code & 0xff))
        .map_or("unknown".into(), |c| c.0.into())
}

/// The exception for a failed call of the library.
fn database_error(e: DbError) -> Raised {
    let name = match e.code & 0xff {
        sq::SQLITE_INTERNAL | sq::SQLITE_NOTFOUND => "InternalError",
        sq::SQLITE_NOMEM => return raise!(MemoryError, "out of memory"),
        sq::SQLITE_CORRUPT => "DatabaseError",
        sq::SQLITE_TOOBIG => "DataError",
        sq::SQLITE_CONSTRAINT | sq::SQLITE_MISMATCH => "IntegrityError",
        sq::SQLITE_MISUSE | sq::SQLITE_RANGE => "InterfaceError",
        1..=17 => "OperationalError",
        _ => "DatabaseError",
    };
    let make = || -> PyResult<PyRef> {
        let t = exception(name).ok_or_else(|| raise!(SystemError, "_sqlite3 is not initialised"))?;
        let o = t.call1(&*Str::new(&e.message)?)?;
        o.setattr(intern!("sqlite_errorcode"), &*Int::from_i64(e.code.into())?)?;
        o.setattr(intern!("sqlite_errorname"), &*Str::new(&code_name(e.code))?)?;
        Ok(o)
    };
    match make().map(PyRef::downcast_into::<runtime::objects::BaseException>) {
        Ok(Ok(e)) => runtime::error::restore(e),
        Ok(Err(_)) => raise!(SystemError, "{} is no exception", name),
        Err(e) => e,
    }
}

/// The library refused a parameter.
fn binding_error(i: usize, names: &[Option<String>], e: DbError) -> Raised {
    match e.code & 0xff {
        sq::SQLITE_TOOBIG | sq::SQLITE_NOMEM => database_error(e),
        _ => {
            let at = names.get(i).cloned().flatten().unwrap_or_else(|| (i + 1).to_string());
            error("InterfaceError", &format!("Error binding parameter {at}: {}", e.message))
        }
    }
}

fn converter(key: &str) -> PyResult<Option<PyRef>> {
    match CONVERTERS.get() {
        Some(d) => d.get(&*Str::new(&key.to_uppercase())?),
        None => Ok(None),
    }
}

/// Whether plain values need a look at the adapters.
fn adapts_basic_types() -> bool {
    BASIC_ADAPTED.load(Relaxed)
}

/// PEP 246: the object, or what an adapter or its `__conform__` makes of it.
fn adapt_to(o: &Object, proto: &Object, alt: Option<&Object>) -> PyResult<PyRef> {
    if let Some(d) = ADAPTERS.get() {
        let key = Tuple::from_slice(&[o.ty(), proto])?;
        if let Some(f) = d.get(&key)? {
            return f.call1(o);
        }
    }
    let mut tries: Vec<PyRef> = Vec::new();
    if let Some(f) = proto.getattr_opt(intern!("__adapt__"))? {
        tries.push(f.call1(o).or_else(forgiven)?);
    }
    if tries.last().is_none_or(|r| r.is_none())
        && let Some(f) = o.getattr_opt(intern!("__conform__"))?
    {
        tries.push(f.call1(proto).or_else(forgiven)?);
    }
    match tries.into_iter().rfind(|r| !r.is_none()) {
        Some(r) => Ok(r),
        None => match alt {
            Some(a) => Ok(a.to_ref()),
            None => Err(error("ProgrammingError", "can't adapt")),
        },
    }
}

/// A `TypeError` of a protocol method means that it cannot do it.
fn forgiven(e: Raised) -> PyResult<PyRef> {
    if e.matches(exc::TypeError()) {
        e.clear();
        return Ok(none_ref());
    }
    Err(e)
}

fn adapt_or_same(o: &Object) -> PyResult<PyRef> {
    adapt_to(o, PrepareProtocol::type_object(), Some(o))
}

/// A value of the library as a Python object; `column` names the column for the message when its text is no UTF-8.
fn to_python(v: &Raw, text_factory: &Object, column: impl FnOnce() -> String) -> PyResult<PyRef> {
    Ok(match v {
        Raw::Null => none_ref(),
        Raw::Int(i) => Int::from_i64(*i)?.upcast(),
        Raw::Float(f) => Float::new(*f)?.upcast(),
        Raw::Blob(b) => Bytes::new(b)?.upcast(),
        Raw::Text(b) => {
            let is = |name: &str| text_factory.downcast::<Type>().is_some_and(|t| t.name_str() == name);
            if text_factory.is_none() || is("str") {
                match core::str::from_utf8(b) {
                    Ok(s) => Str::new(s)?.upcast(),
                    Err(_) => {
                        let shown = String::from_utf8_lossy(b);
                        return Err(error(
                            "OperationalError",
                            &format!("Could not decode to UTF-8 column '{}' with text '{shown}'", column()),
                        ));
                    }
                }
            } else if is("bytes") {
                Bytes::new(b)?.upcast()
            } else {
                text_factory.call1(&*Bytes::new(b)?)?
            }
        }
    })
}

/// PEP 246 style object adaption protocol type.
#[repr(C)]
pub struct PrepareProtocol {
    header: abi::PyObject,
}

#[pyclass(name = "PrepareProtocol", module = "sqlite3", flags = "BASETYPE")]
impl PrepareProtocol {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = args;
        Ok(alloc::<PrepareProtocol>(cls)?.upcast())
    }
}

/// Codes that the module names, and its other constants.
const CODES: &[(&str, i32)] = &[
    ("SQLITE_ABORT", 4),
    ("SQLITE_ABORT_ROLLBACK", 516),
    ("SQLITE_AUTH", 23),
    ("SQLITE_AUTH_USER", 279),
    ("SQLITE_BUSY", 5),
    ("SQLITE_BUSY_RECOVERY", 261),
    ("SQLITE_BUSY_SNAPSHOT", 517),
    ("SQLITE_BUSY_TIMEOUT", 773),
    ("SQLITE_CANTOPEN", 14),
    ("SQLITE_CANTOPEN_CONVPATH", 1038),
    ("SQLITE_CANTOPEN_DIRTYWAL", 1294),
    ("SQLITE_CANTOPEN_FULLPATH", 782),
    ("SQLITE_CANTOPEN_ISDIR", 526),
    ("SQLITE_CANTOPEN_NOTEMPDIR", 270),
    ("SQLITE_CANTOPEN_SYMLINK", 1550),
    ("SQLITE_CONSTRAINT", 19),
    ("SQLITE_CONSTRAINT_CHECK", 275),
    ("SQLITE_CONSTRAINT_COMMITHOOK", 531),
    ("SQLITE_CONSTRAINT_FOREIGNKEY", 787),
    ("SQLITE_CONSTRAINT_FUNCTION", 1043),
    ("SQLITE_CONSTRAINT_NOTNULL", 1299),
    ("SQLITE_CONSTRAINT_PINNED", 2835),
    ("SQLITE_CONSTRAINT_PRIMARYKEY", 1555),
    ("SQLITE_CONSTRAINT_ROWID", 2579),
    ("SQLITE_CONSTRAINT_TRIGGER", 1811),
    ("SQLITE_CONSTRAINT_UNIQUE", 2067),
    ("SQLITE_CONSTRAINT_VTAB", 2323),
    ("SQLITE_CORRUPT", 11),
    ("SQLITE_CORRUPT_INDEX", 779),
    ("SQLITE_CORRUPT_SEQUENCE", 523),
    ("SQLITE_CORRUPT_VTAB", 267),
    ("SQLITE_DONE", 101),
    ("SQLITE_EMPTY", 16),
    ("SQLITE_ERROR", 1),
    ("SQLITE_ERROR_MISSING_COLLSEQ", 257),
    ("SQLITE_ERROR_RETRY", 513),
    ("SQLITE_ERROR_SNAPSHOT", 769),
    ("SQLITE_FORMAT", 24),
    ("SQLITE_FULL", 13),
    ("SQLITE_INTERNAL", 2),
    ("SQLITE_INTERRUPT", 9),
    ("SQLITE_IOERR", 10),
    ("SQLITE_IOERR_ACCESS", 3338),
    ("SQLITE_IOERR_AUTH", 7178),
    ("SQLITE_IOERR_BEGIN_ATOMIC", 7434),
    ("SQLITE_IOERR_BLOCKED", 2826),
    ("SQLITE_IOERR_CHECKRESERVEDLOCK", 3594),
    ("SQLITE_IOERR_CLOSE", 4106),
    ("SQLITE_IOERR_COMMIT_ATOMIC", 7690),
    ("SQLITE_IOERR_CONVPATH", 6666),
    ("SQLITE_IOERR_CORRUPTFS", 8458),
    ("SQLITE_IOERR_DATA", 8202),
    ("SQLITE_IOERR_DELETE", 2570),
    ("SQLITE_IOERR_DELETE_NOENT", 5898),
    ("SQLITE_IOERR_DIR_CLOSE", 4362),
    ("SQLITE_IOERR_DIR_FSYNC", 1290),
    ("SQLITE_IOERR_FSTAT", 1802),
    ("SQLITE_IOERR_FSYNC", 1034),
    ("SQLITE_IOERR_GETTEMPPATH", 6410),
    ("SQLITE_IOERR_LOCK", 3850),
    ("SQLITE_IOERR_MMAP", 6154),
    ("SQLITE_IOERR_NOMEM", 3082),
    ("SQLITE_IOERR_RDLOCK", 2314),
    ("SQLITE_IOERR_READ", 266),
    ("SQLITE_IOERR_ROLLBACK_ATOMIC", 7946),
    ("SQLITE_IOERR_SEEK", 5642),
    ("SQLITE_IOERR_SHMLOCK", 5130),
    ("SQLITE_IOERR_SHMMAP", 5386),
    ("SQLITE_IOERR_SHMOPEN", 4618),
    ("SQLITE_IOERR_SHMSIZE", 4874),
    ("SQLITE_IOERR_SHORT_READ", 522),
    ("SQLITE_IOERR_TRUNCATE", 1546),
    ("SQLITE_IOERR_UNLOCK", 2058),
    ("SQLITE_IOERR_VNODE", 6922),
    ("SQLITE_IOERR_WRITE", 778),
    ("SQLITE_LOCKED", 6),
    ("SQLITE_LOCKED_SHAREDCACHE", 262),
    ("SQLITE_LOCKED_VTAB", 518),
    ("SQLITE_MISMATCH", 20),
    ("SQLITE_MISUSE", 21),
    ("SQLITE_NOLFS", 22),
    ("SQLITE_NOMEM", 7),
    ("SQLITE_NOTADB", 26),
    ("SQLITE_NOTFOUND", 12),
    ("SQLITE_NOTICE", 27),
    ("SQLITE_NOTICE_RECOVER_ROLLBACK", 539),
    ("SQLITE_NOTICE_RECOVER_WAL", 283),
    ("SQLITE_OK", 0),
    ("SQLITE_OK_LOAD_PERMANENTLY", 256),
    ("SQLITE_OK_SYMLINK", 512),
    ("SQLITE_PERM", 3),
    ("SQLITE_PROTOCOL", 15),
    ("SQLITE_RANGE", 25),
    ("SQLITE_READONLY", 8),
    ("SQLITE_READONLY_CANTINIT", 1288),
    ("SQLITE_READONLY_CANTLOCK", 520),
    ("SQLITE_READONLY_DBMOVED", 1032),
    ("SQLITE_READONLY_DIRECTORY", 1544),
    ("SQLITE_READONLY_RECOVERY", 264),
    ("SQLITE_READONLY_ROLLBACK", 776),
    ("SQLITE_ROW", 100),
    ("SQLITE_SCHEMA", 17),
    ("SQLITE_TOOBIG", 18),
    ("SQLITE_WARNING", 28),
    ("SQLITE_WARNING_AUTOINDEX", 284),
];

const CONSTANTS: &[(&str, i64)] = &[
    ("LEGACY_TRANSACTION_CONTROL", -1),
    ("PARSE_COLNAMES", 2),
    ("PARSE_DECLTYPES", 1),
    ("SQLITE_ALTER_TABLE", 26),
    ("SQLITE_ANALYZE", 28),
    ("SQLITE_ATTACH", 24),
    ("SQLITE_CREATE_INDEX", 1),
    ("SQLITE_CREATE_TABLE", 2),
    ("SQLITE_CREATE_TEMP_INDEX", 3),
    ("SQLITE_CREATE_TEMP_TABLE", 4),
    ("SQLITE_CREATE_TEMP_TRIGGER", 5),
    ("SQLITE_CREATE_TEMP_VIEW", 6),
    ("SQLITE_CREATE_TRIGGER", 7),
    ("SQLITE_CREATE_VIEW", 8),
    ("SQLITE_CREATE_VTABLE", 29),
    ("SQLITE_DBCONFIG_DEFENSIVE", 1010),
    ("SQLITE_DBCONFIG_DQS_DDL", 1014),
    ("SQLITE_DBCONFIG_DQS_DML", 1013),
    ("SQLITE_DBCONFIG_ENABLE_FKEY", 1002),
    ("SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER", 1004),
    ("SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION", 1005),
    ("SQLITE_DBCONFIG_ENABLE_QPSG", 1007),
    ("SQLITE_DBCONFIG_ENABLE_TRIGGER", 1003),
    ("SQLITE_DBCONFIG_ENABLE_VIEW", 1015),
    ("SQLITE_DBCONFIG_LEGACY_ALTER_TABLE", 1012),
    ("SQLITE_DBCONFIG_LEGACY_FILE_FORMAT", 1016),
    ("SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE", 1006),
    ("SQLITE_DBCONFIG_RESET_DATABASE", 1009),
    ("SQLITE_DBCONFIG_TRIGGER_EQP", 1008),
    ("SQLITE_DBCONFIG_TRUSTED_SCHEMA", 1017),
    ("SQLITE_DBCONFIG_WRITABLE_SCHEMA", 1011),
    ("SQLITE_DELETE", 9),
    ("SQLITE_DENY", 1),
    ("SQLITE_DETACH", 25),
    ("SQLITE_DROP_INDEX", 10),
    ("SQLITE_DROP_TABLE", 11),
    ("SQLITE_DROP_TEMP_INDEX", 12),
    ("SQLITE_DROP_TEMP_TABLE", 13),
    ("SQLITE_DROP_TEMP_TRIGGER", 14),
    ("SQLITE_DROP_TEMP_VIEW", 15),
    ("SQLITE_DROP_TRIGGER", 16),
    ("SQLITE_DROP_VIEW", 17),
    ("SQLITE_DROP_VTABLE", 30),
    ("SQLITE_FUNCTION", 31),
    ("SQLITE_IGNORE", 2),
    ("SQLITE_INSERT", 18),
    ("SQLITE_LIMIT_ATTACHED", 7),
    ("SQLITE_LIMIT_COLUMN", 2),
    ("SQLITE_LIMIT_COMPOUND_SELECT", 4),
    ("SQLITE_LIMIT_EXPR_DEPTH", 3),
    ("SQLITE_LIMIT_FUNCTION_ARG", 6),
    ("SQLITE_LIMIT_LENGTH", 0),
    ("SQLITE_LIMIT_LIKE_PATTERN_LENGTH", 8),
    ("SQLITE_LIMIT_SQL_LENGTH", 1),
    ("SQLITE_LIMIT_TRIGGER_DEPTH", 10),
    ("SQLITE_LIMIT_VARIABLE_NUMBER", 9),
    ("SQLITE_LIMIT_VDBE_OP", 5),
    ("SQLITE_LIMIT_WORKER_THREADS", 11),
    ("SQLITE_PRAGMA", 19),
    ("SQLITE_READ", 20),
    ("SQLITE_RECURSIVE", 33),
    ("SQLITE_REINDEX", 27),
    ("SQLITE_SAVEPOINT", 32),
    ("SQLITE_SELECT", 21),
    ("SQLITE_TRANSACTION", 22),
    ("SQLITE_UPDATE", 23),
    ("threadsafety", 3),
];

#[pymodule(name = "_sqlite3")]
pub mod _sqlite3 {
    use super::*;
    use connection::Connection;

    /// Open a connection to the SQLite database file 'database'; ":memory:" is a database in memory.
    #[pyfunction(raw)]
    fn connect(args: FuncArgs<'_>) -> PyResult<PyRef> {
        let mut factory: Option<&Object> = args.args.get(5).copied();
        for (k, v) in args.kwnames.iter().zip(args.kwvalues) {
            if k.downcast::<Str>().is_some_and(|s| s.eq_str("factory")) {
                factory = Some(v);
            }
        }
        let class = match factory {
            Some(f) if !f.is_none() => f,
            _ => {
                let t: &Object = Connection::type_object();
                t
            }
        };
        let all: Vec<&Object> = args.args.iter().chain(args.kwvalues).copied().collect();
        let names = Tuple::from_slice(args.kwnames)?;
        class.call_kw(&all, (!args.kwnames.is_empty()).then_some(&*names))
    }
    /// Checks if a string contains a complete SQL statement.
    #[pyfunction(sig = "statement")]
    fn complete_statement(statement: &str) -> PyResult<PyRef> {
        let c = std::ffi::CString::new(statement).map_err(|_| raise!(ValueError, "embedded null character"))?;
        // SAFETY: a null-terminated text.
        Ok(py_bool(unsafe { sq::sqlite3_complete(c.as_ptr()) } != 0))
    }
    /// Enable or disable callback functions throwing errors to stderr.
    #[pyfunction(sig = "enable, /")]
    fn enable_callback_tracebacks(enable: bool) {
        TRACEBACKS.store(enable, Relaxed);
    }
    /// Register a function to adapt Python objects to SQLite values.
    #[pyfunction(sig = "type, adapter, /")]
    fn register_adapter(r#type: &Object, adapter: &Object) -> PyResult<()> {
        if let Some(t) = r#type.downcast::<Type>()
            && ["int", "float", "str", "bytearray"].contains(&t.name_str())
        {
            BASIC_ADAPTED.store(true, Relaxed);
        }
        let key = Tuple::from_slice(&[r#type, PrepareProtocol::type_object()])?;
        match ADAPTERS.get() {
            Some(d) => d.set(&key, adapter),
            None => Ok(()),
        }
    }
    /// Register a function to convert SQLite values to Python objects.
    #[pyfunction(sig = "typename, converter, /")]
    fn register_converter(typename: &str, converter: &Object) -> PyResult<()> {
        match CONVERTERS.get() {
            Some(d) => d.set(&*Str::new(&typename.to_uppercase())?, converter),
            None => Ok(()),
        }
    }
    /// Adapt given object to given protocol.
    #[pyfunction(sig = "obj, proto=PrepareProtocolType, alt=<unrepresentable>, /")]
    fn adapt(obj: &Object, proto: Arg<&Object>, alt: Arg<&Object>) -> PyResult<PyRef> {
        let proto = match proto {
            Arg::Given(p) => p,
            Arg::Missing => {
                let t: &Object = PrepareProtocol::type_object();
                t
            }
        };
        adapt_to(obj, proto, alt.into_option())
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        if EXCEPTIONS.get().is_none() {
            let mut made: Vec<(&'static str, PyRef)> = Vec::new();
            for (name, base) in [
                ("Warning", ""),
                ("Error", ""),
                ("InterfaceError", "Error"),
                ("DatabaseError", "Error"),
                ("DataError", "DatabaseError"),
                ("OperationalError", "DatabaseError"),
                ("IntegrityError", "DatabaseError"),
                ("InternalError", "DatabaseError"),
                ("ProgrammingError", "DatabaseError"),
                ("NotSupportedError", "DatabaseError"),
            ] {
                let found = made.iter().find(|e| e.0 == base).map(|e| e.1.clone());
                let e = match found.as_deref().and_then(|f| f.downcast::<Type>()) {
                    Some(t) => crate::_struct::new_exception("sqlite3", name, t)?,
                    None => crate::_struct::new_exception("sqlite3", name, exc::Exception())?,
                };
                made.push((name, e));
            }
            let _ = EXCEPTIONS.set(made);
            let _ = ADAPTERS.set(Dict::new()?);
            let _ = CONVERTERS.set(Dict::new()?);
        }
        m.add_type::<Connection>()?;
        m.add_type::<cursor::Cursor>()?;
        m.add_type::<row::Row>()?;
        m.add_type::<PrepareProtocol>()?;
        for (name, e) in EXCEPTIONS.get().into_iter().flatten() {
            m.add(name, e.clone())?;
        }
        if let (Some(a), Some(c)) = (ADAPTERS.get(), CONVERTERS.get()) {
            m.add("adapters", a.clone().upcast())?;
            m.add("converters", c.clone().upcast())?;
        }
        for (name, v) in CODES {
            m.add(name, Int::from_i64((*v).into())?.upcast())?;
        }
        for (name, v) in CONSTANTS {
            m.add(name, Int::from_i64(*v)?.upcast())?;
        }
        // SAFETY: a static text of the library.
        let version = db::text(unsafe { sq::sqlite3_libversion() });
        m.add("sqlite_version", Str::new(&version)?.upcast())?;
        m.add("threadsafety", Int::from_i64(3)?.upcast())
    }
}
