//! The codec registry of an interpreter: search functions, found codecs, error handlers.

use crate::prelude::*;
use std::sync::OnceLock;

struct Tables {
    search: Ref<List>,
    cache: Ref<Dict>,
    errors: Ref<Dict>,
}

/// The registry, made when first used. A field of the interpreter state.
#[derive(Default)]
pub struct CodecState(OnceLock<Tables>);

impl CodecState {
    pub const fn new() -> CodecState {
        CodecState(OnceLock::new())
    }

    /// At the interpreter's end.
    pub(crate) fn clear(&self) {
        if let Some(t) = self.0.get() {
            t.search.clear();
            t.cache.clear();
            t.errors.clear();
        }
    }
}

fn tables() -> PyResult<&'static Tables> {
    let st = &ThreadState::current().interp().codecs.0;
    if let Some(t) = st.get() {
        return Ok(t);
    }
    let t = Tables { search: List::new()?, cache: Dict::new()?, errors: Dict::new()? };
    let _ = st.set(t);
    st.get().ok_or_else(|| raise!(SystemError, "codec registry"))
}

/// `codecs.register`.
pub fn register(f: &Object) -> PyResult<()> {
    if !f.is_callable() {
        return Err(raise!(TypeError, "argument must be callable"));
    }
    tables()?.search.append(f)
}

/// `codecs.unregister`.
pub fn unregister(f: &Object) -> PyResult<()> {
    let t = tables()?;
    for (i, x) in t.search.snapshot().iter().enumerate() {
        if x.is(f) {
            t.cache.clear();
            t.search.pop(i as isize)?;
            break;
        }
    }
    Ok(())
}

/// The name as search functions get it.
fn normalize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for c in name.bytes() {
        if c.is_ascii_alphanumeric() || c == b'.' {
            if gap && !out.is_empty() {
                out.push('_');
            }
            gap = false;
            out.push(c.to_ascii_lowercase() as char);
        } else {
            gap = true;
        }
    }
    out
}

/// `codecs.lookup`: the codec's tuple.
pub fn lookup(encoding: &str) -> PyResult<PyRef> {
    let t = tables()?;
    if t.search.is_empty() {
        crate::interp::current_builtins()?.get_item(intern!("__import__"))?.call1(intern!("encodings"))?;
    }
    let key = Ref::new_ref(Str::intern(&normalize(encoding)));
    if let Some(v) = t.cache.get_str(&key)? {
        return Ok(v);
    }
    let mut i = 0;
    while let Some(f) = t.search.get(i) {
        i += 1;
        let r = f.call1(&key)?;
        if r.is_none() {
            continue;
        }
        if r.downcast::<Tuple>().is_none_or(|r| r.len() != 4) {
            return Err(raise!(TypeError, "codec search functions must return 4-tuples"));
        }
        t.cache.set(&key, &r)?;
        return Ok(r);
    }
    Err(raise!(LookupError, "unknown encoding: {}", encoding))
}

/// `codecs.register_error`.
pub fn register_error(name: &Str, handler: &Object) -> PyResult<()> {
    if !handler.is_callable() {
        return Err(raise!(TypeError, "handler must be callable"));
    }
    tables()?.errors.set(name, handler)
}

/// `_codecs._unregister_error`; the built-in ones stay.
pub fn unregister_error(name: &Str) -> PyResult<bool> {
    let builtin = super::errors::Mode::of(Some(&name.to_string_lossy())) != super::errors::Mode::Custom;
    if builtin {
        return Err(raise!(ValueError, "cannot un-register built-in error handler '{}'", name));
    }
    Ok(tables()?.errors.pop(name)?.is_some())
}

/// `codecs.lookup_error`.
pub fn lookup_error(name: &str) -> PyResult<PyRef> {
    let key = Str::new(name)?;
    match tables()?.errors.get(&key)? {
        Some(h) => Ok(h),
        None => Err(raise!(LookupError, "unknown error handler name '{}'", name)),
    }
}

/// Adds the note "encoding with 'x' codec failed" to the raised exception.
fn with_note(e: Raised, operation: &str, encoding: &str) -> Raised {
    let ex = e.take();
    let note = match Str::format(format_args!("{operation} with '{encoding}' codec failed")) {
        Ok(n) => n,
        Err(e) => return e,
    };
    if let Err(e) = ex.call_method(intern!("add_note"), &[&note]) {
        e.clear();
    }
    crate::error::restore(ex)
}

fn run(codec: &Object, index: isize, arg: &Object, encoding: &str, errors: Option<&str>) -> PyResult<PyRef> {
    let f = codec.get_item_index(index)?;
    let operation = if index == 0 { "encoding" } else { "decoding" };
    let r = match errors {
        Some(e) => {
            let e = Str::new(e)?;
            f.call(&[arg, &e])
        }
        None => f.call1(arg),
    };
    let r = match r {
        Ok(r) => r,
        Err(e) => return Err(with_note(e, operation, encoding)),
    };
    match r.downcast::<Tuple>() {
        Some(t) if t.len() == 2 => Ok(t.get(0).to_ref()),
        _ if index == 0 => Err(raise!(TypeError, "encoder must return a tuple (object, integer)")),
        _ => Err(raise!(TypeError, "decoder must return a tuple (object,integer)")),
    }
}

/// `codecs.encode`.
pub fn encode(o: &Object, encoding: &str, errors: Option<&str>) -> PyResult<PyRef> {
    let c = lookup(encoding)?;
    run(&c, 0, o, encoding, errors)
}

/// `codecs.decode`.
pub fn decode(o: &Object, encoding: &str, errors: Option<&str>) -> PyResult<PyRef> {
    let c = lookup(encoding)?;
    run(&c, 1, o, encoding, errors)
}

/// The codec of a text encoding.
fn text_codec(encoding: &str, alternate: &str) -> PyResult<PyRef> {
    let c = lookup(encoding)?;
    if c.downcast_exact::<Tuple>().is_none()
        && let Some(flag) = c.getattr_opt(intern!("_is_text_encoding"))?
        && !flag.is_true()?
    {
        return Err(raise!(
            LookupError,
            "'{}' is not a text encoding; use {} to handle arbitrary codecs",
            encoding,
            alternate
        ));
    }
    Ok(c)
}

pub(super) fn encode_text(s: &Object, encoding: &str, errors: Option<&str>) -> PyResult<PyRef> {
    let c = text_codec(encoding, "codecs.encode()")?;
    run(&c, 0, s, encoding, errors)
}

pub(super) fn decode_text(o: &Object, encoding: &str, errors: Option<&str>) -> PyResult<PyRef> {
    let c = text_codec(encoding, "codecs.decode()")?;
    run(&c, 1, o, encoding, errors)
}
