//! SQLite without Python: databases, statements and values. Nothing here touches Python objects, so everything may run detached, which
//! it should: the library's own lock is held by whoever runs a statement, and a statement may call back into Python.

use core::ffi::{CStr, c_char, c_int};
use libsqlite3_sys as sq;
use std::ffi::CString;
use std::sync::Arc;
use std::sync::Mutex;

// The bindings leave it out.
unsafe extern "C" {
    fn sqlite3_close_v2(db: *mut sq::sqlite3) -> c_int;
}

/// What went wrong: the extended code and the library's text.
#[derive(Debug)]
pub struct DbError {
    pub code: c_int,
    pub message: String,
}

/// A value of a column or a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    Null,
    Int(i64),
    Float(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

/// An open database, closed when nobody uses it any more.
pub struct Db(*mut sq::sqlite3);
// SAFETY: the library is built to be used by many threads at once.
unsafe impl Send for Db {}
// SAFETY: the same.
unsafe impl Sync for Db {}

impl Drop for Db {
    fn drop(&mut self) {
        // SAFETY: closed once; statements keep the database alive by themselves.
        unsafe { sqlite3_close_v2(self.0) };
    }
}

pub fn text(p: *const c_char) -> String {
    if p.is_null() {
        return String::new();
    }
    // SAFETY: a null-terminated text of the library.
    unsafe { CStr::from_ptr(p) }.to_string_lossy().into_owned()
}

impl Db {
    pub fn open(name: &CStr, uri: bool, timeout: f64) -> Result<Db, DbError> {
        let mut p = core::ptr::null_mut();
        let flags = sq::SQLITE_OPEN_READWRITE | sq::SQLITE_OPEN_CREATE | if uri { sq::SQLITE_OPEN_URI } else { 0 };
        // SAFETY: a null-terminated name; the handle is written even when the call fails.
        let code = unsafe { sq::sqlite3_open_v2(name.as_ptr(), &mut p, flags, core::ptr::null()) };
        if p.is_null() {
            return Err(DbError { code: sq::SQLITE_NOMEM, message: "out of memory".into() });
        }
        let db = Db(p);
        db.check(code)?;
        // SAFETY: an open database; foreign keys are off unless asked for, as in SQLite's own default.
        unsafe {
            sq::sqlite3_extended_result_codes(p, 1);
            sq::sqlite3_busy_timeout(p, (timeout * 1000.0).clamp(0.0, f64::from(i32::MAX)) as c_int);
            sq::sqlite3_db_config(p, sq::SQLITE_DBCONFIG_ENABLE_FKEY, 0 as c_int, core::ptr::null_mut::<c_int>());
        }
        Ok(db)
    }

    pub fn raw(&self) -> *mut sq::sqlite3 {
        self.0
    }

    pub fn check(&self, code: c_int) -> Result<(), DbError> {
        if code & 0xff == sq::SQLITE_OK { Ok(()) } else { Err(self.error(code)) }
    }

    pub fn error(&self, code: c_int) -> DbError {
        // SAFETY: an open database.
        let (extended, message) = unsafe { (sq::sqlite3_extended_errcode(self.0), text(sq::sqlite3_errmsg(self.0))) };
        DbError { code: if extended == 0 { code } else { extended }, message }
    }

    /// Runs one statement that returns nothing.
    pub fn run(&self, sql: &CStr) -> Result<(), DbError> {
        // SAFETY: an open database and a null-terminated text.
        let code =
            unsafe { sq::sqlite3_exec(self.0, sql.as_ptr(), None, core::ptr::null_mut(), core::ptr::null_mut()) };
        self.check(code)
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        // SAFETY: an open database.
        unsafe { sq::sqlite3_get_autocommit(self.0) == 0 }
    }

    pub fn changes(&self) -> i64 {
        // SAFETY: an open database.
        unsafe { sq::sqlite3_changes64(self.0) }
    }

    pub fn total_changes(&self) -> i64 {
        // SAFETY: an open database.
        unsafe { sq::sqlite3_total_changes64(self.0) }
    }

    pub fn last_rowid(&self) -> i64 {
        // SAFETY: an open database.
        unsafe { sq::sqlite3_last_insert_rowid(self.0) }
    }
}

/// A compiled statement.
pub struct Stmt {
    p: *mut sq::sqlite3_stmt,
    pub db: Arc<Db>,
    pub sql: String,
    /// INSERT, UPDATE, DELETE or REPLACE.
    pub changes_rows: bool,
    /// One thread steps it at a time.
    lock: Mutex<()>,
}
// SAFETY: the library's lock guards the statement, ours the sequence of calls.
unsafe impl Send for Stmt {}
// SAFETY: the same.
unsafe impl Sync for Stmt {}

impl Drop for Stmt {
    fn drop(&mut self) {
        // SAFETY: finalized once, before the database goes.
        unsafe { sq::sqlite3_finalize(self.p) };
    }
}

/// The text behind spaces and comments.
pub fn without_comments(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start_matches([' ', '\t', '\r', '\n', '\x0c']);
        if let Some(rest) = sql.strip_prefix("--") {
            sql = rest.find('\n').map_or("", |i| &rest[i + 1..]);
        } else if let Some(rest) = sql.strip_prefix("/*") {
            sql = rest.find("*/").map_or("", |i| &rest[i + 2..]);
        } else {
            return sql;
        }
    }
}

impl Stmt {
    /// Compiles the first statement of a text; the second value is what follows it.
    pub fn prepare(db: &Arc<Db>, sql: &str) -> Result<(Stmt, String), DbError> {
        let c = CString::new(sql).map_err(|_| DbError { code: sq::SQLITE_MISUSE, message: "null character".into() })?;
        let (mut p, mut tail) = (core::ptr::null_mut(), core::ptr::null());
        let n = c_int::try_from(c.as_bytes_with_nul().len()).unwrap_or(c_int::MAX);
        // SAFETY: an open database and a text of that length.
        let code = unsafe { sq::sqlite3_prepare_v2(db.0, c.as_ptr(), n, &mut p, &mut tail) };
        db.check(code)?;
        let rest = text(tail);
        let start = without_comments(sql).get(..7).unwrap_or_else(|| without_comments(sql)).to_ascii_uppercase();
        let changes_rows = ["INSERT", "UPDATE", "DELETE", "REPLACE"].iter().any(|w| start.starts_with(w));
        Ok((Stmt { p, db: db.clone(), sql: sql.to_string(), changes_rows, lock: Mutex::new(()) }, rest))
    }

    /// Nothing but spaces and comments was compiled.
    pub fn is_empty(&self) -> bool {
        self.p.is_null()
    }

    pub fn reset(&self) {
        let _one = self.lock.lock().unwrap_or_else(|e| e.into_inner());
        // SAFETY: a live statement (null is allowed).
        unsafe {
            sq::sqlite3_reset(self.p);
            if !self.p.is_null() {
                sq::sqlite3_clear_bindings(self.p);
            }
        }
    }

    /// Names of the parameters, by number from 1.
    pub fn parameters(&self) -> Vec<Option<String>> {
        // SAFETY: a live statement (null is allowed).
        let n = unsafe { sq::sqlite3_bind_parameter_count(self.p) };
        (1..=n)
            .map(|i| {
                // SAFETY: the same; names live as long as the statement.
                let name = unsafe { sq::sqlite3_bind_parameter_name(self.p, i) };
                (!name.is_null()).then(|| text(name))
            })
            .collect()
    }

    /// Binds the parameters in order.
    pub fn bind(&self, values: &[Raw]) -> Result<(), (usize, DbError)> {
        let _one = self.lock.lock().unwrap_or_else(|e| e.into_inner());
        for (i, v) in values.iter().enumerate() {
            let at = i as c_int + 1;
            // SAFETY: a live statement; texts and bytes are copied by the library.
            let code = unsafe {
                match v {
                    Raw::Null => sq::sqlite3_bind_null(self.p, at),
                    Raw::Int(n) => sq::sqlite3_bind_int64(self.p, at, *n),
                    Raw::Float(f) => sq::sqlite3_bind_double(self.p, at, *f),
                    Raw::Text(t) => sq::sqlite3_bind_text64(
                        self.p,
                        at,
                        t.as_ptr().cast(),
                        t.len() as u64,
                        sq::SQLITE_TRANSIENT(),
                        sq::SQLITE_UTF8 as u8,
                    ),
                    // An empty slice's pointer is not null, so an empty blob stays one.
                    Raw::Blob(b) => {
                        sq::sqlite3_bind_blob64(self.p, at, b.as_ptr().cast(), b.len() as u64, sq::SQLITE_TRANSIENT())
                    }
                }
            };
            self.db.check(code).map_err(|e| (i, e))?;
        }
        Ok(())
    }

    /// Goes to the next row: its values, or `None` at the end.
    pub fn step(&self) -> Result<Option<Vec<Raw>>, DbError> {
        let _one = self.lock.lock().unwrap_or_else(|e| e.into_inner());
        if self.p.is_null() {
            return Ok(None);
        }
        // SAFETY: a live statement.
        match unsafe { sq::sqlite3_step(self.p) } {
            sq::SQLITE_ROW => {
                // SAFETY: the statement stands on a row.
                let n = unsafe { sq::sqlite3_data_count(self.p) };
                Ok(Some((0..n).map(|i| self.column(i)).collect()))
            }
            sq::SQLITE_DONE => Ok(None),
            code => Err(self.db.error(code)),
        }
    }

    fn column(&self, i: c_int) -> Raw {
        // SAFETY: the statement stands on a row that has this column; its memory is copied at once.
        unsafe {
            let bytes = |p: *const u8| {
                let n = sq::sqlite3_column_bytes(self.p, i) as usize;
                if p.is_null() || n == 0 { Vec::new() } else { core::slice::from_raw_parts(p, n).to_vec() }
            };
            match sq::sqlite3_column_type(self.p, i) {
                sq::SQLITE_NULL => Raw::Null,
                sq::SQLITE_INTEGER => Raw::Int(sq::sqlite3_column_int64(self.p, i)),
                sq::SQLITE_FLOAT => Raw::Float(sq::sqlite3_column_double(self.p, i)),
                sq::SQLITE_TEXT => Raw::Text(bytes(sq::sqlite3_column_text(self.p, i))),
                _ => Raw::Blob(bytes(sq::sqlite3_column_blob(self.p, i).cast())),
            }
        }
    }

    /// Names and declared types of the columns.
    pub fn columns(&self) -> Vec<(String, Option<String>)> {
        // SAFETY: a live statement (null is allowed).
        let n = unsafe { sq::sqlite3_column_count(self.p) };
        (0..n)
            .map(|i| {
                // SAFETY: a column of the statement.
                let (name, kind) =
                    unsafe { (sq::sqlite3_column_name(self.p, i), sq::sqlite3_column_decltype(self.p, i)) };
                (text(name), (!kind.is_null()).then(|| text(kind)))
            })
            .collect()
    }
}
