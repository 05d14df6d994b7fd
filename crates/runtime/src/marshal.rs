//! `marshal`: the serialisation of `.pyc` files.
//!
//! Everything but code is written as CPython's version 5 does; code objects carry our own instructions and are only read
//! back by the same version of the runtime (the magic number of `.pyc` files says which).

use crate::objects::{Code, Complex, code::CodeParts};
use crate::prelude::*;
use compiler::{ExcEntry, Position};
use std::collections::HashMap;

/// Version written by default.
pub const VERSION: i32 = 5;
const FLAG_REF: u8 = 0x80;
const MAX_DEPTH: u32 = 2000;

struct Writer {
    out: Vec<u8>,
    version: i32,
    depth: u32,
    allow_code: bool,
    /// Index of objects already written, by address; `held` keeps them alive.
    seen: HashMap<usize, u32>,
    held: Vec<PyRef>,
}

impl Writer {
    fn byte(&mut self, b: u8) {
        self.out.push(b);
    }
    fn long(&mut self, v: i32) {
        self.out.extend_from_slice(&v.to_le_bytes());
    }
    fn size(&mut self, n: usize) -> PyResult<()> {
        if n > i32::MAX as usize {
            return Err(raise!(ValueError, "unmarshallable object"));
        }
        self.long(n as i32);
        Ok(())
    }

    /// Writes a back reference if the object was written before; else remembers it and gives the flag for its type byte.
    fn refer(&mut self, o: &Object) -> Option<u8> {
        if self.version < 3 {
            return Some(0);
        }
        // A unique temporary cannot come again. (Interned strings are immortal, never unique.)
        if o.is_uniquely_referenced() && !o.is_immortal() {
            return Some(0);
        }
        let key = o as *const Object as usize;
        if let Some(i) = self.seen.get(&key) {
            let i = *i;
            self.byte(b'r');
            self.long(i as i32);
            return None;
        }
        let i = self.seen.len() as u32;
        self.seen.insert(key, i);
        self.held.push(o.to_ref());
        Some(FLAG_REF)
    }

    fn object(&mut self, o: &Object) -> PyResult<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(raise!(ValueError, "object too deeply nested to marshal"));
        }
        let r = self.object_inner(o);
        self.depth -= 1;
        r
    }

    fn object_inner(&mut self, o: &Object) -> PyResult<()> {
        if o.is_none() {
            self.byte(b'N');
            return Ok(());
        }
        if o.is(true_()) {
            self.byte(b'T');
            return Ok(());
        }
        if o.is(false_()) {
            self.byte(b'F');
            return Ok(());
        }
        if o.is(ellipsis()) {
            self.byte(b'.');
            return Ok(());
        }
        if o.is(exc::StopIteration()) {
            self.byte(b'S');
            return Ok(());
        }
        let Some(flag) = self.refer(o) else { return Ok(()) };
        if let Some(i) = o.downcast_exact::<Int>() {
            return self.int(i, flag);
        }
        if let Some(f) = o.downcast_exact::<Float>() {
            if self.version > 1 {
                self.byte(b'g' | flag);
                self.out.extend_from_slice(&f.value().to_le_bytes());
            } else {
                self.byte(b'f' | flag);
                self.float_text(f.value())?;
            }
            return Ok(());
        }
        if let Some(c) = o.downcast_exact::<Complex>() {
            if self.version > 1 {
                self.byte(b'y' | flag);
                self.out.extend_from_slice(&c.real().to_le_bytes());
                self.out.extend_from_slice(&c.imag().to_le_bytes());
            } else {
                self.byte(b'x' | flag);
                self.float_text(c.real())?;
                self.float_text(c.imag())?;
            }
            return Ok(());
        }
        if let Some(b) = o.downcast_exact::<Bytes>() {
            self.byte(b's' | flag);
            self.size(b.as_slice().len())?;
            self.out.extend_from_slice(b.as_slice());
            return Ok(());
        }
        if let Some(s) = o.downcast_exact::<Str>() {
            return self.str(s, flag);
        }
        if let Some(t) = o.downcast_exact::<Tuple>() {
            let n = t.len();
            if self.version >= 4 && n < 256 {
                self.byte(b')' | flag);
                self.byte(n as u8);
            } else {
                self.byte(b'(' | flag);
                self.size(n)?;
            }
            for i in t.as_slice() {
                self.object(i)?;
            }
            return Ok(());
        }
        if let Some(l) = o.downcast_exact::<List>() {
            let items = l.snapshot();
            self.byte(b'[' | flag);
            self.size(items.len())?;
            for i in &items {
                self.object(i)?;
            }
            return Ok(());
        }
        if let Some(d) = o.downcast_exact::<Dict>() {
            self.byte(b'{' | flag);
            for (k, v) in d.items_snapshot() {
                self.object(&k)?;
                self.object(&v)?;
            }
            self.byte(b'0');
            return Ok(());
        }
        if let Some(s) =
            Set::any(o).filter(|_| o.downcast_exact::<Set>().is_some() || o.downcast_exact::<FrozenSet>().is_some())
        {
            self.byte(if o.downcast_exact::<Set>().is_some() { b'<' } else { b'>' } | flag);
            let items = s.snapshot();
            self.size(items.len())?;
            // Sorted by their own serialisation, so that equal sets give equal bytes.
            let mut rows = Vec::with_capacity(items.len());
            for i in items {
                rows.push((dumps_with(&i, self.version, self.allow_code)?, i));
            }
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            for (_, i) in &rows {
                self.object(i)?;
            }
            return Ok(());
        }
        if let Some(s) = o.downcast_exact::<Slice>() {
            if self.version < 5 {
                return Err(raise!(ValueError, "unmarshallable object"));
            }
            self.byte(b':' | flag);
            self.object(s.start())?;
            self.object(s.stop())?;
            return self.object(s.step());
        }
        if let Some(c) = o.downcast_exact::<Code>() {
            if !self.allow_code {
                return Err(raise!(ValueError, "marshalling code objects is disallowed"));
            }
            self.byte(b'c' | flag);
            return self.code(c);
        }
        if let Ok(b) = crate::protocol::buffer::Buffer::get(o, abi::PyBUF_SIMPLE) {
            self.byte(b's' | flag);
            self.size(b.len())?;
            self.out.extend_from_slice(b.as_slice());
            return Ok(());
        }
        drop(crate::error::take_error());
        Err(raise!(ValueError, "unmarshallable object"))
    }

    fn int(&mut self, i: &Int, flag: u8) -> PyResult<()> {
        if let Some(v) = i.try_i64()
            && let Ok(v) = i32::try_from(v)
        {
            self.byte(b'i' | flag);
            self.long(v);
            return Ok(());
        }
        self.byte(b'l' | flag);
        // 15-bit digits, whatever the digits in memory are.
        let mut digits: Vec<u16> = Vec::new();
        for d in i.digits() {
            digits.push((d & 0x7fff) as u16);
            digits.push((d >> 15) as u16);
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let n = digits.len() as i32;
        self.long(if i.is_negative() { -n } else { n });
        for d in digits {
            self.out.extend_from_slice(&d.to_le_bytes());
        }
        Ok(())
    }

    fn float_text(&mut self, v: f64) -> PyResult<()> {
        let text = Float::new(v)?.repr()?.to_string_lossy().to_string();
        self.byte(text.len() as u8);
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn str(&mut self, s: &Str, flag: u8) -> PyResult<()> {
        let interned = s.is_interned();
        if self.version >= 4
            && let Some(a) = s.as_ascii()
        {
            if a.len() < 256 {
                self.byte(if interned { b'Z' } else { b'z' } | flag);
                self.byte(a.len() as u8);
            } else {
                self.byte(if interned { b'A' } else { b'a' } | flag);
                self.size(a.len())?;
            }
            self.out.extend_from_slice(a.as_bytes());
            return Ok(());
        }
        self.byte(if self.version >= 3 && interned { b't' } else { b'u' } | flag);
        let w = s.to_wtf8();
        self.size(w.len())?;
        self.out.extend_from_slice(&w);
        Ok(())
    }

    fn code(&mut self, c: &Code) -> PyResult<()> {
        let x = c.extra();
        for v in [
            c.argcount() as u32,
            c.posonlyargcount() as u32,
            c.kwonlyargcount() as u32,
            c.stacksize() as u32,
            c.flags(),
            c.base.co_firstlineno as u32,
            x.caches.len() as u32,
        ] {
            self.long(v as i32);
        }
        let words = c.original_words();
        self.size(words.len())?;
        for w in words {
            self.long(w as i32);
        }
        self.object(c.consts())?;
        self.object(c.names())?;
        self.size(x.local_names.len())?;
        for n in &x.local_names {
            self.object(n)?;
        }
        self.out.extend_from_slice(&x.kinds);
        self.object(c.filename())?;
        self.object(c.name())?;
        self.object(c.qualname())?;
        self.size(x.exception_table.len())?;
        for e in &x.exception_table {
            for v in [e.start, e.end, e.target, e.depth << 1 | e.lasti as u32] {
                self.varint(v as u64);
            }
        }
        // Positions as differences: most instructions share the line of the one before.
        self.size(x.positions.len())?;
        let mut last = Position { line: 0, end_line: 0, col: 0, end_col: 0 };
        for p in &x.positions.to_vec() {
            if *p == last {
                self.byte(0);
                continue;
            }
            let zz = |v: i64| ((v << 1) ^ (v >> 63)) as u64;
            // A leading non-zero byte marks an entry.
            self.byte(1);
            self.varint(zz(p.line as i64 - last.line as i64));
            self.varint(zz(p.end_line as i64 - p.line as i64));
            self.varint(zz(p.col as i64));
            self.varint(zz(p.end_col as i64 - p.col as i64));
            last = *p;
        }
        Ok(())
    }

    fn varint(&mut self, mut v: u64) {
        while v >= 0x80 {
            self.byte(v as u8 | 0x80);
            v >>= 7;
        }
        self.byte(v as u8);
    }
}

fn dumps_with(o: &Object, version: i32, allow_code: bool) -> PyResult<Vec<u8>> {
    let mut w = Writer { out: Vec::new(), version, depth: 0, allow_code, seen: HashMap::new(), held: Vec::new() };
    w.object(o)?;
    Ok(w.out)
}

/// `marshal.dumps(value, version, allow_code=…)`.
pub fn dumps(o: &Object, version: i32, allow_code: bool) -> PyResult<Vec<u8>> {
    dumps_with(o, version, allow_code)
}

struct Reader<'a> {
    data: &'a [u8],
    pos: usize,
    depth: u32,
    allow_code: bool,
    refs: Vec<Option<PyRef>>,
}

fn eof() -> Raised {
    raise!(EOFError, "marshal data too short")
}
/// Instructions that the interpreter may look at: known ones, with their cache entries.
fn check_words(words: &[u32], caches: u32) -> PyResult<()> {
    let mut i = 0;
    while i < words.len() {
        let op = words[i] as u8;
        if compiler::opcode::name(op).is_none() {
            return Err(bad("unknown instruction"));
        }
        i += 1;
        if compiler::opcode::has_cache(op) {
            if words.get(i).is_none_or(|c| *c >= caches) {
                return Err(bad("cache entries"));
            }
            i += 1;
        }
    }
    Ok(())
}

fn bad(what: &str) -> Raised {
    raise!(ValueError, "bad marshal data ({})", what)
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> PyResult<u8> {
        match self.data.get(self.pos) {
            Some(b) => {
                self.pos += 1;
                Ok(*b)
            }
            None => Err(eof()),
        }
    }
    fn take(&mut self, n: usize) -> PyResult<&'a [u8]> {
        match self.data.get(self.pos..self.pos.saturating_add(n)) {
            Some(s) => {
                self.pos += n;
                Ok(s)
            }
            None => Err(eof()),
        }
    }
    fn long(&mut self) -> PyResult<i32> {
        let b = self.take(4)?;
        Ok(i32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }
    fn size(&mut self, what: &str) -> PyResult<usize> {
        let n = self.long()?;
        if n < 0 { Err(bad(&format!("{what} size out of range"))) } else { Ok(n as usize) }
    }
    /// A count of things of at least `unit` bytes each: bounded by what is left, so that bad data cannot ask for much memory.
    fn count(&mut self, what: &str, unit: usize) -> PyResult<usize> {
        let n = self.size(what)?;
        if n.saturating_mul(unit) > self.data.len() - self.pos { Err(eof()) } else { Ok(n) }
    }
    fn f64(&mut self) -> PyResult<f64> {
        let b = self.take(8)?;
        let mut a = [0; 8];
        a.copy_from_slice(b);
        Ok(f64::from_le_bytes(a))
    }
    fn float_text(&mut self) -> PyResult<f64> {
        let n = self.byte()? as usize;
        let t = self.take(n)?;
        match core::str::from_utf8(t).ok().and_then(|t| t.parse().ok()) {
            Some(v) => Ok(v),
            None => Err(raise!(ValueError, "could not convert string to float")),
        }
    }
    fn varint(&mut self) -> PyResult<u64> {
        let (mut v, mut shift) = (0u64, 0);
        loop {
            let b = self.byte()?;
            v |= ((b & 0x7f) as u64) << shift;
            if b & 0x80 == 0 {
                return Ok(v);
            }
            shift += 7;
            if shift > 63 {
                return Err(bad("number too large"));
            }
        }
    }
    fn put(&mut self, flag: bool, o: PyRef) -> PyRef {
        if flag {
            self.refs.push(Some(o.clone()));
        }
        o
    }
    fn reserve(&mut self, flag: bool) -> usize {
        if flag {
            self.refs.push(None);
        }
        self.refs.len().wrapping_sub(1)
    }
    fn fill(&mut self, flag: bool, at: usize, o: &PyRef) {
        if flag {
            self.refs[at] = Some(o.clone());
        }
    }

    fn object(&mut self) -> PyResult<PyRef> {
        match self.object_or_null()? {
            Some(o) => Ok(o),
            None => Err(raise!(TypeError, "NULL object in marshal data for object")),
        }
    }

    fn object_or_null(&mut self) -> PyResult<Option<PyRef>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(bad("recursion limit exceeded"));
        }
        let r = self.inner();
        self.depth -= 1;
        r
    }

    fn inner(&mut self) -> PyResult<Option<PyRef>> {
        let Some(code) = self.data.get(self.pos).copied() else {
            return Err(raise!(EOFError, "EOF read where object expected"));
        };
        self.pos += 1;
        let flag = code & FLAG_REF != 0;
        let o: PyRef = match code & !FLAG_REF {
            b'0' => return Ok(None),
            b'N' => none_ref(),
            b'T' => (**true_()).to_ref(),
            b'F' => (**false_()).to_ref(),
            b'.' => ellipsis().to_ref(),
            b'S' => (**exc::StopIteration()).to_ref(),
            b'i' => {
                let v = Int::from_i64(self.long()? as i64)?.upcast();
                self.put(flag, v)
            }
            b'I' => {
                let b = self.take(8)?;
                let mut a = [0; 8];
                a.copy_from_slice(b);
                let v = Int::from_i64(i64::from_le_bytes(a))?.upcast();
                self.put(flag, v)
            }
            b'l' => {
                let n = self.long()?;
                let digits = n.unsigned_abs() as usize;
                let raw = self.take(digits.checked_mul(2).ok_or_else(|| bad("long size out of range"))?)?;
                let mut small: Vec<u32> =
                    raw.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]]) as u32).collect();
                if small.iter().any(|d| *d > 0x7fff) {
                    return Err(bad("digit out of range in long"));
                }
                if small.last() == Some(&0) {
                    return Err(bad("unnormalized long data"));
                }
                if small.len() % 2 == 1 {
                    small.push(0);
                }
                let digits: Vec<u32> = small.chunks_exact(2).map(|c| c[0] | c[1] << 15).collect();
                let v = Int::from_digits(&digits, n < 0)?.upcast();
                self.put(flag, v)
            }
            b'f' => {
                let v = Float::new(self.float_text()?)?.upcast();
                self.put(flag, v)
            }
            b'g' => {
                let v = Float::new(self.f64()?)?.upcast();
                self.put(flag, v)
            }
            b'x' => {
                let (a, b) = (self.float_text()?, self.float_text()?);
                let v = Complex::new(a, b)?.upcast();
                self.put(flag, v)
            }
            b'y' => {
                let (a, b) = (self.f64()?, self.f64()?);
                let v = Complex::new(a, b)?.upcast();
                self.put(flag, v)
            }
            b's' => {
                let n = self.size("bytes object")?;
                let v = Bytes::new(self.take(n)?)?.upcast();
                self.put(flag, v)
            }
            t @ (b'A' | b'a' | b'Z' | b'z') => {
                let n = if matches!(t, b'Z' | b'z') { self.byte()? as usize } else { self.size("string")? };
                let b = self.take(n)?;
                if !b.is_ascii() {
                    return Err(bad("non-ASCII character in ASCII string"));
                }
                let v = if matches!(t, b'A' | b'Z') {
                    (**Str::intern(core::str::from_utf8(b).unwrap_or_default())).to_ref()
                } else {
                    Str::from_ascii(b)?.upcast()
                };
                self.put(flag, v)
            }
            t @ (b't' | b'u') => {
                let n = self.size("string")?;
                let s = Str::from_wtf8(self.take(n)?)?;
                let v = if t == b't' { Str::intern_ref(s).upcast() } else { s.upcast() };
                self.put(flag, v)
            }
            t @ (b'(' | b')') => {
                let n = if t == b')' { self.byte()? as usize } else { self.count("tuple", 1)? };
                let at = self.reserve(flag);
                let mut items = Vec::with_capacity(n);
                for _ in 0..n {
                    items.push(
                        self.object_or_null()?
                            .ok_or_else(|| raise!(TypeError, "NULL object in marshal data for tuple"))?,
                    );
                }
                let v = Tuple::from_refs(items)?.upcast();
                self.fill(flag, at, &v);
                v
            }
            b'[' => {
                let n = self.count("list", 1)?;
                let l = List::from_vec(Vec::new())?;
                let v = self.put(flag, l.clone().upcast());
                for _ in 0..n {
                    let i = self
                        .object_or_null()?
                        .ok_or_else(|| raise!(TypeError, "NULL object in marshal data for list"))?;
                    l.append(&i)?;
                }
                v
            }
            b'{' => {
                let d = Dict::new()?;
                let v = self.put(flag, d.clone().upcast());
                while let Some(k) = self.object_or_null()? {
                    let Some(x) = self.object_or_null()? else { break };
                    d.set(&k, &x)?;
                }
                v
            }
            t @ (b'<' | b'>') => {
                let n = self.count("set", 1)?;
                let at = if t == b'>' { self.reserve(flag) } else { 0 };
                let s = Set::new()?;
                let early = if t == b'<' { Some(self.put(flag, s.clone().upcast())) } else { None };
                for _ in 0..n {
                    let i = self
                        .object_or_null()?
                        .ok_or_else(|| raise!(TypeError, "NULL object in marshal data for set"))?;
                    s.add(&i)?;
                }
                match early {
                    Some(v) => v,
                    None => {
                        let v = FrozenSet::from_iterable(&s)?.upcast();
                        self.fill(flag, at, &v);
                        v
                    }
                }
            }
            b':' => {
                let at = self.reserve(flag);
                let (a, b, c) = (self.object()?, self.object()?, self.object()?);
                let v = Slice::from_owned(a, b, c)?.upcast();
                self.fill(flag, at, &v);
                v
            }
            b'c' => {
                if !self.allow_code {
                    return Err(raise!(ValueError, "unmarshalling code objects is disallowed"));
                }
                let at = self.reserve(flag);
                let v = self.code()?.upcast();
                self.fill(flag, at, &v);
                v
            }
            b'r' => {
                let i = self.long()?;
                match usize::try_from(i).ok().and_then(|i| self.refs.get(i)) {
                    Some(Some(o)) => o.clone(),
                    _ => return Err(bad("invalid reference")),
                }
            }
            _ => return Err(bad("unknown type code")),
        };
        Ok(Some(o))
    }

    fn tuple(&mut self) -> PyResult<Ref<Tuple>> {
        self.object()?.downcast_into::<Tuple>().map_err(|_| bad("a tuple expected"))
    }
    fn name(&mut self) -> PyResult<PyRef> {
        let s = self.object()?.downcast_into::<Str>().map_err(|_| bad("a name expected"))?;
        Ok(Str::intern_ref(s).upcast())
    }

    fn code(&mut self) -> PyResult<Ref<Code>> {
        let mut head = [0u32; 7];
        for h in &mut head {
            *h = self.long()? as u32;
        }
        let n = self.count("code", 4)?;
        let instrs: Vec<u32> =
            self.take(n * 4)?.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
        if head[6] as usize > n * 2 {
            return Err(bad("too many cache entries"));
        }
        check_words(&instrs, head[6])?;
        let consts = self.tuple()?;
        let names = self.tuple()?;
        let nlocals = self.count("code", 1)?;
        let arguments = head[0] as u64 + head[2] as u64;
        if arguments > nlocals as u64 || head[1] > head[0] || head[3] > 1 << 24 {
            return Err(bad("code sizes"));
        }
        let mut local_names: Vec<&'static Str> = Vec::with_capacity(nlocals);
        for _ in 0..nlocals {
            let s = self.object()?.downcast_into::<Str>().map_err(|_| bad("a name expected"))?;
            local_names.push(Str::intern_data(s.data()));
        }
        let kinds = self.take(nlocals)?.to_vec();
        let (filename, name, qualname) = (self.object()?, self.name()?, self.name()?);
        if filename.downcast::<Str>().is_none() {
            return Err(bad("a file name expected"));
        }
        let n = self.count("exception table", 4)?;
        let mut exception_table = Vec::with_capacity(n);
        for _ in 0..n {
            let (start, end, target, d) = (self.varint()?, self.varint()?, self.varint()?, self.varint()?);
            let words = instrs.len() as u64;
            if start > end || end > words || target >= words || d >> 1 > head[3] as u64 {
                return Err(bad("exception table"));
            }
            exception_table.push(ExcEntry {
                start: start as u32,
                end: end as u32,
                target: target as u32,
                depth: (d >> 1) as u32,
                lasti: d & 1 != 0,
            });
        }
        let n = self.count("positions", 1)?;
        let mut positions = Vec::with_capacity(n);
        let mut last = Position { line: 0, end_line: 0, col: 0, end_col: 0 };
        for _ in 0..n {
            if self.byte()? != 0 {
                let un = |v: u64| ((v >> 1) as i64 ^ -((v & 1) as i64)) as i32;
                let line = last.line.wrapping_add(un(self.varint()?));
                let end_line = line.wrapping_add(un(self.varint()?));
                let col = un(self.varint()?);
                let end_col = col.wrapping_add(un(self.varint()?));
                last = Position { line, end_line, col, end_col };
            }
            positions.push(last);
        }
        Code::build(CodeParts {
            argcount: head[0],
            posonlyargcount: head[1],
            kwonlyargcount: head[2],
            stacksize: head[3],
            flags: head[4],
            firstlineno: head[5] as i32,
            instrs,
            ncaches: head[6],
            consts,
            names,
            local_names,
            kinds,
            filename,
            name,
            qualname,
            exception_table,
            positions,
        })
    }
}

/// Reads one object; also tells how many bytes it took.
pub fn read(data: &[u8], allow_code: bool) -> PyResult<(PyRef, usize)> {
    let mut r = Reader { data, pos: 0, depth: 0, allow_code, refs: Vec::new() };
    let o = r.object()?;
    Ok((o, r.pos))
}

/// `marshal.loads(data)`.
pub fn loads(data: &[u8]) -> PyResult<PyRef> {
    read(data, true).map(|(o, _)| o)
}
