//! Names and docs of types: `tp_name`, `__name__`, `__qualname__`, `__module__`, text signatures.

use super::Type;
use super::cabi::o;
use crate::prelude::*;
use core::ffi::CStr;

impl Type {
    /// `tp_name` whole: what error messages show.
    pub fn tp_name(&self) -> &str {
        let p = self.slots().tp_name;
        if p.is_null() {
            return "?";
        }
        // SAFETY: NUL-terminated; a replaced name is released with a delay.
        unsafe { CStr::from_ptr(p) }.to_str().unwrap_or("?")
    }

    pub(crate) fn heap(&self) -> *mut abi::PyHeapTypeObject {
        debug_assert!(self.is_heap_type());
        self.as_raw().cast()
    }

    /// The name without the module: `__name__`.
    pub fn name_str(&self) -> &str {
        let n = self.tp_name();
        if self.is_heap_type() {
            // SAFETY: a heap type keeps its name, replaced names go with a delay.
            if let Some(s) = unsafe { (*self.heap()).ht_name.cast::<Str>().as_ref() }.and_then(|s| s.as_str()) {
                return s;
            }
        }
        n.rsplit_once('.').map_or(n, |(_, s)| s)
    }

    /// `__name__`.
    pub fn name(&self) -> PyResult<Ref<Str>> {
        if self.is_heap_type() {
            // SAFETY: a heap type owns its name.
            let n = unsafe { (*self.heap()).ht_name };
            if !n.is_null() {
                // SAFETY: as above.
                return unsafe { Ok(o(n).to_ref().cast_into()) };
            }
        }
        Str::new(self.name_str())
    }

    /// `__qualname__`.
    pub fn qualname(&self) -> PyResult<PyRef> {
        if self.is_heap_type() {
            // SAFETY: a heap type owns its names.
            let q = unsafe { (*self.heap()).ht_qualname };
            if !q.is_null() {
                // SAFETY: as above.
                return Ok(unsafe { o(q) }.to_ref());
            }
        }
        Ok(self.name()?.upcast())
    }

    /// `__module__`.
    pub fn module(&self) -> PyResult<PyRef> {
        if self.is_heap_type() {
            return match self.dict().get_str(intern!("__module__"))? {
                Some(m) => Ok(m),
                None => Err(raise!(AttributeError, "__module__")),
            };
        }
        let n = self.tp_name();
        Ok(match n.rsplit_once('.') {
            Some((m, _)) => Str::intern(m),
            None => intern!("builtins"),
        }
        .to_ref())
    }

    /// `module.qualname`, or the bare qualname for `builtins` (`PyType_GetFullyQualifiedName`).
    pub fn full_name(&self) -> PyResult<Ref<Str>> {
        if !self.is_heap_type() {
            return Str::new(self.tp_name());
        }
        let q = self.qualname()?;
        let q = q.str()?;
        match self.module() {
            Ok(m) => match m.downcast::<Str>() {
                Some(m) if !m.eq_str("builtins") && !m.eq_str("__main__") => {
                    Str::format(format_args!("{}.{}", m.to_string_lossy(), q.to_string_lossy()))
                }
                _ => Ok(q),
            },
            Err(e) => {
                e.clear();
                Ok(q)
            }
        }
    }
}

/// Where the signature line of an internal doc ends: the offset after `)\n--\n\n`, and the signature's start.
fn signature_span(name: &str, doc: &str) -> Option<(usize, usize, usize)> {
    let short = name.rsplit('.').next().unwrap_or(name);
    if !doc.starts_with(short) || doc.as_bytes().get(short.len()) != Some(&b'(') {
        return None;
    }
    let end = doc.find(")\n--\n\n")?;
    if doc[..end].contains("\n\n") {
        return None;
    }
    Some((short.len(), end + 1, end + 6))
}

/// The doc without its signature line.
pub fn internal_doc<'a>(name: &str, doc: &'a str) -> &'a str {
    signature_span(name, doc).map_or(doc, |(_, _, e)| &doc[e..])
}

/// The signature in parentheses, if the doc begins with one.
pub fn text_signature<'a>(name: &str, doc: &'a str) -> Option<&'a str> {
    signature_span(name, doc).map(|(a, b, _)| &doc[a..b])
}
