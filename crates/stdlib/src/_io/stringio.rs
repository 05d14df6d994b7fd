//! `StringIO`: a text stream in memory.

use super::base::{self, TextIoBase};
use super::newline;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use macros::pyclass;
use runtime::objects::support::{self, Fields, Slot};
use runtime::prelude::*;
use runtime::thread::critical;

struct Data {
    buf: Vec<u32>,
    pos: usize,
    closed: bool,
    /// `None`: universal; otherwise what ends a line.
    newline: Option<String>,
    /// Readers see any newline as a line's end (`newline` is `None` or empty).
    universal: bool,
    translate_in: bool,
}

/// The object's critical section guards `data`.
#[repr(C)]
pub struct StringIo {
    base: TextIoBase,
    data: UnsafeCell<Option<Box<Data>>>,
    seen: AtomicU8,
}
pub static mut STRING_IO_TYPE: Type = runtime::objects::singletons::unready_type();
runtime::py_layout!(StringIo, STRING_IO_TYPE);

impl Fields for StringIo {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        self.base.fields(f);
    }
    fn release(&self) {
        // SAFETY: the object is dying.
        drop(unsafe { (*self.data.get()).take() });
    }
}

impl StringIo {
    fn with<R>(&self, f: impl FnOnce(&mut Data) -> PyResult<R>) -> PyResult<R> {
        critical(self, || {
            // SAFETY: the critical section is held and nothing inside runs Python code.
            match unsafe { (*self.data.get()).as_deref_mut() } {
                Some(d) if !d.closed => f(d),
                Some(_) => Err(raise!(ValueError, "I/O operation on closed file")),
                None => Err(raise!(ValueError, "I/O operation on uninitialized object")),
            }
        })
    }
    fn take(&self, n: isize, line: bool) -> PyResult<PyRef> {
        let v = self.with(|d| {
            let start = d.pos.min(d.buf.len());
            let rest = &d.buf[start..];
            let mut len = if n < 0 { rest.len() } else { rest.len().min(n as usize) };
            if line {
                let end = match &d.newline {
                    _ if d.universal && !d.translate_in => {
                        let mut e = len;
                        for (i, c) in rest[..len].iter().enumerate() {
                            if *c == 10 {
                                e = i + 1;
                                break;
                            }
                            if *c == 13 {
                                e = if rest[..len].get(i + 1) == Some(&10) { i + 2 } else { i + 1 };
                                break;
                            }
                        }
                        e
                    }
                    Some(nl) if nl.len() == 2 => {
                        rest[..len].windows(2).position(|w| w == [13, 10]).map_or(len, |p| p + 2)
                    }
                    Some(nl) if nl == "\r" => rest[..len].iter().position(|c| *c == 13).map_or(len, |p| p + 1),
                    _ => rest[..len].iter().position(|c| *c == 10).map_or(len, |p| p + 1),
                };
                len = end;
            }
            d.pos += len;
            Ok(rest[..len].to_vec())
        })?;
        Str::from_ucs4(&v).map(Ref::upcast)
    }
    fn write_text(&self, s: &Str) -> PyResult<()> {
        // Nothing to translate, at the end: the usual case.
        let done = self.with(|d| {
            if d.translate_in || d.newline.as_deref() != Some("\n") || d.pos != d.buf.len() {
                return Ok(false);
            }
            if d.buf.try_reserve(s.len()).is_err() {
                return Err(raise!(MemoryError, "out of memory"));
            }
            d.buf.extend(s.chars());
            d.pos = d.buf.len();
            Ok(true)
        })?;
        if done {
            return Ok(());
        }
        let (translate_in, nl) = self.with(|d| Ok((d.translate_in, d.newline.clone())))?;
        let s = if translate_in || nl.as_deref() == Some("") || nl.is_none() {
            newline::translate_text(s, translate_in, &self.seen)?
        } else {
            Ref::new_ref(s)
        };
        let mut chars: Vec<u32> = Vec::with_capacity(s.len());
        match nl.as_deref() {
            Some(n @ ("\r" | "\r\n")) => {
                for c in s.chars() {
                    if c == 10 { chars.extend(n.chars().map(|c| c as u32)) } else { chars.push(c) }
                }
            }
            _ => chars.extend(s.chars()),
        }
        self.with(|d| {
            let end = d.pos + chars.len();
            if end > d.buf.len() {
                let grow = end - d.buf.len();
                if d.buf.try_reserve(grow).is_err() {
                    return Err(raise!(MemoryError, "out of memory"));
                }
                if d.pos == d.buf.len() {
                    d.buf.extend_from_slice(&chars);
                    d.pos = end;
                    return Ok(());
                }
                d.buf.resize(end, 0);
            }
            d.buf[d.pos..end].copy_from_slice(&chars);
            d.pos = end;
            Ok(())
        })
    }
    fn size_arg(size: Option<&Object>) -> PyResult<isize> {
        match size {
            Some(s) => s.as_isize(),
            None => Ok(-1),
        }
    }
}

/// StringIO(initial_value='', newline='\n')
/// --
///
/// Text I/O implementation using an in-memory buffer.
#[pyclass(name = "StringIO", module = "_io", type_object = STRING_IO_TYPE, flags = "BASETYPE|HAVE_GC", base = TextIoBase,
    slots(tp_traverse = support::traverse::<StringIo>, tp_clear = support::clear::<StringIo>, tp_dealloc = base::dealloc::<StringIo>))]
impl StringIo {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<StringIo>> {
        let _ = args;
        support::alloc::<StringIo>(cls).map(support::track)
    }
    #[slot(sig = "initial_value='', newline='\\n'")]
    fn tp_init(&self, initial_value: Arg<&Object>, newline: Arg<&Object>) -> PyResult<()> {
        let nl = match newline {
            Arg::Missing => Some("\n".to_string()),
            Arg::Given(o) if o.is_none() => None,
            Arg::Given(o) => match o.downcast::<Str>() {
                Some(s) => Some(s.to_string_lossy().to_string()),
                None => return Err(raise!(TypeError, "newline must be str or None, not {}", o.ty().name_str())),
            },
        };
        if let Some(n) = &nl
            && !matches!(n.as_str(), "" | "\n" | "\r" | "\r\n")
        {
            return Err(raise!(ValueError, "illegal newline value: {}", Str::new(n)?.repr()?.to_string_lossy()));
        }
        let initial = match initial_value {
            Arg::Given(o) if !o.is_none() => match o.downcast::<Str>() {
                Some(s) => Some(Ref::new_ref(s)),
                None => return Err(raise!(TypeError, "initial_value must be str or None, not {}", o.ty().name_str())),
            },
            _ => None,
        };
        let data = Data {
            buf: Vec::new(),
            pos: 0,
            closed: false,
            universal: nl.as_deref().is_none_or(str::is_empty),
            translate_in: nl.is_none(),
            newline: nl,
        };
        self.seen.store(0, Relaxed);
        // SAFETY: the critical section is held.
        let old = critical(self, || unsafe { (*self.data.get()).replace(Box::new(data)) });
        drop(old);
        if let Some(s) = initial {
            self.write_text(&s)?;
            self.with(|d| {
                d.pos = 0;
                Ok(())
            })?;
        }
        Ok(())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let line = if core::ptr::eq(self.ty(), StringIo::type_object()) {
            self.take(-1, true)?
        } else {
            base::call0(self, intern!("readline"))?
        };
        Ok(if line.len()? == 0 { None } else { Some(line) })
    }
    #[pymethod]
    fn getvalue(&self) -> PyResult<PyRef> {
        let v = self.with(|d| Ok(d.buf.clone()))?;
        Str::from_ucs4(&v).map(Ref::upcast)
    }
    #[pymethod]
    fn tell(&self) -> PyResult<usize> {
        self.with(|d| Ok(d.pos))
    }
    #[pymethod]
    fn read(&self, size: Option<&Object>) -> PyResult<PyRef> {
        self.take(Self::size_arg(size)?, false)
    }
    #[pymethod]
    fn readline(&self, size: Option<&Object>) -> PyResult<PyRef> {
        self.take(Self::size_arg(size)?, true)
    }
    #[pymethod]
    fn write(&self, s: &Object) -> PyResult<usize> {
        let Some(text) = s.downcast::<Str>() else {
            return Err(raise!(TypeError, "string argument expected, got '{}'", s.ty().name_str()));
        };
        self.with(|_| Ok(()))?;
        if text.len() > 0 {
            self.write_text(text)?;
        }
        Ok(text.len())
    }
    #[pymethod]
    fn truncate(&self, pos: Option<&Object>) -> PyResult<usize> {
        let n = match pos {
            Some(p) => Some(p.as_isize()?),
            None => None,
        };
        self.with(|d| {
            let n = match n {
                Some(n) if n < 0 => return Err(raise!(ValueError, "Negative size value {}", n)),
                Some(n) => n as usize,
                None => d.pos,
            };
            d.buf.truncate(n);
            Ok(n)
        })
    }
    #[pymethod(sig = "pos, whence=0, /")]
    fn seek(&self, pos: &Object, whence: i32) -> PyResult<usize> {
        let pos = pos.as_isize()?;
        self.with(|d| {
            match whence {
                0 if pos < 0 => return Err(raise!(ValueError, "Negative seek position {}", pos)),
                0 => d.pos = pos as usize,
                1 | 2 if pos != 0 => return Err(raise!(OSError, "Can't do nonzero cur-relative seeks")),
                1 => {}
                2 => d.pos = d.buf.len(),
                w => return Err(raise!(ValueError, "Invalid whence ({}, should be 0, 1 or 2)", w)),
            }
            Ok(d.pos)
        })
    }
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        critical(self, || {
            // SAFETY: the critical section is held.
            if let Some(d) = unsafe { (*self.data.get()).as_deref_mut() } {
                d.closed = true;
                d.buf = Vec::new();
            }
        });
        Ok(())
    }
    #[pymethod]
    fn readable(&self) -> PyResult<bool> {
        self.with(|_| Ok(true))
    }
    #[pymethod]
    fn writable(&self) -> PyResult<bool> {
        self.with(|_| Ok(true))
    }
    #[pymethod]
    fn seekable(&self) -> PyResult<bool> {
        self.with(|_| Ok(true))
    }
    #[pygetset]
    fn closed(&self) -> PyResult<bool> {
        // SAFETY: the critical section is held.
        Ok(critical(self, || unsafe { (*self.data.get()).as_deref().is_none_or(|d| d.closed) }))
    }
    #[pygetset]
    fn line_buffering(&self) -> PyResult<bool> {
        self.with(|_| Ok(false))
    }
    #[pygetset]
    fn newlines(&self) -> PyResult<PyRef> {
        self.with(|_| Ok(()))?;
        let universal = self.with(|d| Ok(d.universal))?;
        if !universal {
            return Ok(none_ref());
        }
        newline::newlines_value(self.seen.load(Relaxed))
    }
    #[pymethod]
    fn __getstate__(&self) -> PyResult<PyRef> {
        let value = self.getvalue()?;
        let (pos, nl) = self.with(|d| Ok((d.pos, d.newline.clone())))?;
        let nl = match nl {
            Some(n) => Str::new(&n)?.upcast(),
            None => none_ref(),
        };
        let dict = match self.base.base.dict.get(self) {
            Some(d) => d.downcast::<Dict>().map(|d| d.copy()).transpose()?.map_or_else(none_ref, Ref::upcast),
            None => none_ref(),
        };
        Tuple::from_refs(vec![value, nl, Int::from_usize(pos)?.upcast(), dict]).map(Ref::upcast)
    }
    #[pymethod]
    fn __setstate__(&self, state: &Object) -> PyResult<()> {
        let Some(t) = state.downcast::<Tuple>().filter(|t| t.len() >= 4) else {
            return Err(raise!(
                TypeError,
                "{}.__setstate__ argument should be 4-tuple, got {}",
                self.ty().name_str(),
                state.ty().name_str()
            ));
        };
        // The value is stored as it is: it was translated when it was written.
        self.tp_init(Arg::Missing, Arg::Given(t.get(1)))?;
        let Some(value) = t.get(0).downcast::<Str>() else {
            return Err(raise!(TypeError, "initial_value must be str or None, not {}", t.get(0).ty().name_str()));
        };
        let chars: Vec<u32> = value.chars().collect();
        let pos = t.get(2).as_isize()?;
        if pos < 0 {
            return Err(raise!(ValueError, "position value cannot be negative"));
        }
        self.with(|d| {
            d.buf = chars;
            d.pos = pos as usize;
            Ok(())
        })?;
        if let Some(new) = t.get(3).downcast::<Dict>() {
            let d = self.getattr(intern!("__dict__"))?;
            if let Some(d) = d.downcast::<Dict>() {
                d.update(new)?;
            }
        }
        Ok(())
    }
}
