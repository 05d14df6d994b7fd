//! Reading pickles: the stack machine.

use super::{
    EXTENSION_CACHE, HIGHEST, IMPORT_MAPPING, INVERTED_REGISTRY, NAME_MAPPING, get_dotted, import_module, modules, op,
    split_dots, unpickling_error,
};
use runtime::objects::support::as_objects;
use runtime::objects::{ByteArray, MemoryView, codecs};
use runtime::prelude::*;

/// How much is peeked at beyond what is asked for.
const PREFETCH: i64 = 128 * 1024;

/// Where the bytes come from.
pub enum Source {
    Memory,
    File { read: PyRef, readline: PyRef, readinto: Option<PyRef>, peek: Option<PyRef> },
}

/// The bytes of a pickle.
pub struct Input<'a> {
    memory: &'a [u8],
    /// What was read from the file, and what was only peeked at (from `taken` on).
    buf: Vec<u8>,
    taken: usize,
    pos: usize,
    /// Where what can be read at once ends: the data's end, or the frame's.
    limit: usize,
    in_frame: bool,
    source: Source,
}

#[cold]
fn truncated() -> Raised {
    unpickling_error(format_args!("pickle data was truncated"))
}

fn bytes_result(o: PyRef) -> PyResult<Vec<u8>> {
    match o.downcast::<Bytes>() {
        Some(b) => Ok(b.as_slice().to_vec()),
        None => match o.downcast::<ByteArray>() {
            Some(b) => Ok(b.to_vec()),
            None => Err(raise!(ValueError, "read() returned non-bytes object ({})", o.repr()?.to_string_lossy())),
        },
    }
}

impl<'a> Input<'a> {
    pub fn memory(data: &'a [u8]) -> Input<'a> {
        Input {
            memory: data,
            buf: Vec::new(),
            taken: 0,
            pos: 0,
            limit: data.len(),
            in_frame: false,
            source: Source::Memory,
        }
    }
    pub fn file(file: &Object) -> PyResult<Input<'static>> {
        let peek = file.getattr_opt(intern!("peek"))?;
        let readinto = file.getattr_opt(intern!("readinto"))?;
        let (read, readline) = (file.getattr_opt(intern!("read"))?, file.getattr_opt(intern!("readline"))?);
        let (Some(read), Some(readline)) = (read, readline) else {
            return Err(raise!(TypeError, "file must have 'read' and 'readline' attributes"));
        };
        Ok(Input::source(Source::File { read, readline, readinto, peek }))
    }
    pub fn source(source: Source) -> Input<'static> {
        Input { memory: &[], buf: Vec::new(), taken: 0, pos: 0, limit: 0, in_frame: false, source }
    }
    pub fn into_source(self) -> Source {
        self.source
    }

    #[inline(always)]
    fn data(&self) -> &[u8] {
        match self.source {
            Source::Memory => self.memory,
            Source::File { .. } => &self.buf,
        }
    }
    /// Makes the file's position that of the reader.
    fn catch_up(&mut self) -> PyResult<()> {
        if self.pos > self.taken {
            if let Source::File { read, .. } = &self.source {
                let n = Int::from_usize(self.pos - self.taken)?;
                self.taken = self.pos;
                read.clone().call1(&n)?;
            }
        }
        Ok(())
    }
    /// What is left of the bytes already taken from the file.
    fn rest(&mut self) -> PyResult<Vec<u8>> {
        self.catch_up()?;
        Ok(self.buf[self.pos..self.taken].to_vec())
    }
    fn refill(&mut self, mut have: Vec<u8>, more: Vec<u8>) -> PyResult<()> {
        have.extend_from_slice(&more);
        self.taken = have.len();
        self.pos = 0;
        self.buf = have;
        if let Source::File { peek, .. } = &mut self.source {
            if let Some(p) = peek.clone() {
                match p.call1(&*Int::from_i64(PREFETCH)?) {
                    Ok(b) => {
                        let b = bytes_result(b)?;
                        self.buf.extend_from_slice(&b);
                    }
                    Err(e) if e.matches(exc::NotImplementedError()) => {
                        e.clear();
                        *peek = None;
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        self.limit = self.buf.len();
        Ok(())
    }
    /// At the end of a frame, reading goes on behind it; nothing may reach across it.
    fn leave_frame(&mut self) -> PyResult<()> {
        if self.in_frame {
            if self.pos != self.limit {
                return Err(unpickling_error(format_args!("pickle exhausted before end of frame")));
            }
            self.in_frame = false;
            self.limit = self.data().len();
        }
        Ok(())
    }
    /// A frame of `n` bytes begins here.
    fn enter_frame(&mut self, n: usize) -> PyResult<()> {
        if self.in_frame && self.pos != self.limit {
            return Err(unpickling_error(format_args!("beginning of a new frame before end of current frame")));
        }
        self.in_frame = false;
        self.limit = self.data().len();
        self.take(n)?;
        self.pos -= n;
        self.limit = self.pos + n;
        self.in_frame = true;
        Ok(())
    }
    #[cold]
    fn fetch(&mut self, n: usize) -> PyResult<()> {
        self.leave_frame()?;
        if self.limit - self.pos >= n {
            return Ok(());
        }
        let Source::File { read, .. } = &self.source else { return Err(truncated()) };
        let read = read.clone();
        let have = self.rest()?;
        if n > isize::MAX as usize - have.len() {
            return Err(unpickling_error(format_args!("read would overflow (invalid bytecode)")));
        }
        let more = bytes_result(read.call1(&*Int::from_usize(n - have.len())?)?)?;
        if have.len() + more.len() < n {
            return Err(truncated());
        }
        self.refill(have, more)
    }
    /// The next `n` bytes.
    #[inline(always)]
    fn take(&mut self, n: usize) -> PyResult<&[u8]> {
        if self.limit - self.pos < n {
            self.fetch(n)?;
        }
        let at = self.pos;
        self.pos += n;
        Ok(&self.data()[at..at + n])
    }
    #[inline(always)]
    fn byte(&mut self) -> PyResult<u8> {
        if self.pos < self.limit {
            let b = self.data()[self.pos];
            self.pos += 1;
            return Ok(b);
        }
        Ok(self.take(1)?[0])
    }
    fn u16(&mut self) -> PyResult<u16> {
        let b = self.take(2)?;
        Ok(u16::from_le_bytes([b[0], b[1]]))
    }
    fn u32(&mut self) -> PyResult<u32> {
        let b = self.take(4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }
    fn u64(&mut self) -> PyResult<u64> {
        let b = self.take(8)?;
        let mut a = [0; 8];
        a.copy_from_slice(b);
        Ok(u64::from_le_bytes(a))
    }
    /// A line, without its end.
    fn line(&mut self) -> PyResult<Vec<u8>> {
        loop {
            if let Some(i) = self.data()[self.pos..self.limit].iter().position(|b| *b == b'\n') {
                let v = self.data()[self.pos..self.pos + i].to_vec();
                self.pos += i + 1;
                return Ok(v);
            }
            if self.in_frame {
                self.leave_frame()?;
                continue;
            }
            let Source::File { readline, .. } = &self.source else { return Err(truncated()) };
            let readline = readline.clone();
            let have = self.rest()?;
            let more = bytes_result(readline.call0()?)?;
            if more.last() != Some(&b'\n') {
                return Err(truncated());
            }
            self.refill(have, more)?;
        }
    }
    /// A large payload of a file, read straight into the memory it is for.
    fn read_into(&mut self, n: usize, whole: &Object, dest: *mut u8) -> PyResult<()> {
        let big = n > 64 * 1024;
        let readinto = match &self.source {
            Source::File { readinto: Some(r), .. } if big && (!self.in_frame || self.pos == self.limit) => {
                Some(r.clone())
            }
            _ => None,
        };
        let _ = whole;
        let Some(readinto) = readinto else {
            let src = self.take(n)?;
            // SAFETY: `dest` has room for `n` bytes that nobody else sees yet.
            unsafe { core::ptr::copy_nonoverlapping(src.as_ptr(), dest, n) };
            return Ok(());
        };
        self.leave_frame()?;
        let have = self.rest()?;
        let first = have.len().min(n);
        // SAFETY: as above.
        unsafe { core::ptr::copy_nonoverlapping(have.as_ptr(), dest, first) };
        self.pos += first;
        let mut done = first;
        if done < n {
            // What was only peeked at is still in the file.
            self.buf.clear();
            self.pos = 0;
            self.taken = 0;
            self.limit = 0;
        }
        while done < n {
            // SAFETY: the rest of the same memory; the view is released before this returns.
            let view = MemoryView::from_memory(unsafe { dest.add(done) }, n - done, true)?;
            let got = readinto.call1(&view)?.as_isize();
            view.call_method(intern!("release"), &[])?;
            let got = got?;
            if got < 0 {
                return Err(raise!(ValueError, "readinto() returned negative size"));
            }
            if got == 0 || got as usize > n - done {
                return Err(truncated());
            }
            done += got as usize;
        }
        Ok(())
    }
}

/// One run of the unpickler.
pub struct Machine<'a> {
    pub input: Input<'a>,
    fix_imports: bool,
    encoding: String,
    errors: String,
    pub proto: i64,
    pub memo: Vec<Option<PyRef>>,
    pub memo_count: usize,
    stack: Vec<PyRef>,
    marks: Vec<usize>,
    /// The part of the stack below belongs to what stands before the innermost mark.
    fence: usize,
    pub buffers: Option<PyRef>,
    /// The unpickler, when `find_class` may be overridden.
    pub finder: Option<PyRef>,
    pub persistent_load: Option<PyRef>,
    /// The last global that was looked up, by the objects that named it.
    globals: std::collections::HashMap<(usize, usize), (PyRef, PyRef, PyRef)>,
}

enum Next {
    Go,
    Stop(PyRef),
}

impl<'a> Machine<'a> {
    pub fn new(input: Input<'a>, fix_imports: bool, encoding: &str, errors: &str) -> Machine<'a> {
        Machine {
            input,
            fix_imports,
            encoding: encoding.to_string(),
            errors: errors.to_string(),
            proto: 0,
            memo: Vec::new(),
            memo_count: 0,
            stack: Vec::with_capacity(32),
            marks: Vec::new(),
            fence: 0,
            buffers: None,
            finder: None,
            persistent_load: None,
            globals: Default::default(),
        }
    }
    pub fn set_buffers(&mut self, o: Option<&Object>) -> PyResult<()> {
        self.buffers = match o {
            Some(o) if !o.is_none() => Some(o.iter()?),
            _ => None,
        };
        Ok(())
    }

    // -------------------------------------------------------------------------------------- the stack

    #[cold]
    fn underflow(&self) -> Raised {
        if self.marks.is_empty() {
            unpickling_error(format_args!("unpickling stack underflow"))
        } else {
            unpickling_error(format_args!("unexpected MARK found"))
        }
    }
    #[inline(always)]
    fn push(&mut self, o: PyRef) {
        self.stack.push(o);
    }
    #[inline(always)]
    fn pop(&mut self) -> PyResult<PyRef> {
        if self.stack.len() <= self.fence {
            return Err(self.underflow());
        }
        self.stack.pop().ok_or_else(|| self.underflow())
    }
    #[inline(always)]
    fn top(&self) -> PyResult<&PyRef> {
        if self.stack.len() <= self.fence {
            return Err(self.underflow());
        }
        self.stack.last().ok_or_else(|| self.underflow())
    }
    /// Forgets the innermost mark; gives where it stood.
    #[inline]
    fn mark(&mut self) -> PyResult<usize> {
        let Some(at) = self.marks.pop() else {
            return Err(unpickling_error(format_args!("could not find MARK")));
        };
        self.fence = self.marks.last().copied().unwrap_or(0);
        Ok(at.min(self.stack.len()))
    }
    #[inline]
    fn pop_mark(&mut self) -> PyResult<Vec<PyRef>> {
        let at = self.mark()?;
        Ok(self.stack.split_off(at))
    }

    // -------------------------------------------------------------------------------------- the memo

    fn memo_get(&mut self, i: usize) -> PyResult<()> {
        match self.memo.get(i) {
            Some(Some(o)) => {
                let o = o.clone();
                self.push(o);
                Ok(())
            }
            _ => Err(unpickling_error(format_args!("Memo value not found at index {i}"))),
        }
    }
    fn memo_put(&mut self, i: usize) -> PyResult<()> {
        let o = self.top()?.clone();
        self.memo_set(i, o)
    }
    pub fn memo_set(&mut self, i: usize, o: PyRef) -> PyResult<()> {
        if i >= self.memo.len() {
            // A hostile index must not take all memory at once.
            if i > self.memo.len() * 2 + (1 << 24) {
                let more = i + 1 - self.memo.len();
                if self.memo.try_reserve_exact(more).is_err() {
                    return Err(runtime::objects::support::no_memory());
                }
            }
            self.memo.resize_with(i + 1, || None);
        }
        let old = self.memo[i].replace(o);
        self.memo_count += old.is_none() as usize;
        Ok(())
    }

    // -------------------------------------------------------------------------------------- running

    pub fn load(&mut self) -> PyResult<PyRef> {
        self.stack.clear();
        self.marks.clear();
        self.fence = 0;
        self.proto = 0;
        loop {
            let code = match self.input.byte() {
                Ok(c) => c,
                Err(e) if e.matches(super::UNPICKLING_ERROR.get()?) => {
                    e.clear();
                    return Err(raise!(EOFError, "Ran out of input"));
                }
                Err(e) => return Err(e),
            };
            if let Next::Stop(o) = self.step(code)? {
                self.input.catch_up()?;
                return Ok(o);
            }
        }
    }

    fn step(&mut self, code: u8) -> PyResult<Next> {
        match code {
            op::STOP => return Ok(Next::Stop(self.pop()?)),
            op::NONE => self.push(none_ref()),
            op::NEWTRUE => self.push((**true_()).to_ref()),
            op::NEWFALSE => self.push((**false_()).to_ref()),
            op::BININT1 => {
                let v = self.input.byte()?;
                self.push(Int::from_i64(v as i64)?.upcast());
            }
            op::BININT2 => {
                let v = self.input.u16()?;
                self.push(Int::from_i64(v as i64)?.upcast());
            }
            op::BININT => {
                let v = self.input.u32()? as i32;
                self.push(Int::from_i64(v as i64)?.upcast());
            }
            op::BINFLOAT => {
                let v = self.input.u64()?.swap_bytes();
                self.push(Float::new(f64::from_bits(v))?.upcast());
            }
            op::SHORT_BINUNICODE => {
                let n = self.input.byte()? as usize;
                self.text(n)?;
            }
            op::BINUNICODE => {
                let n = self.input.u32()? as usize;
                self.text(n)?;
            }
            op::BINUNICODE8 => {
                let n = self.size("BINUNICODE8")?;
                self.text(n)?;
            }
            op::MEMOIZE => {
                let i = self.memo_count;
                self.memo_put(i)?;
            }
            op::BINPUT => {
                let i = self.input.byte()? as usize;
                self.memo_put(i)?;
            }
            op::LONG_BINPUT => {
                let i = self.input.u32()? as usize;
                self.memo_put(i)?;
            }
            op::BINGET => {
                let i = self.input.byte()? as usize;
                self.memo_get(i)?;
            }
            op::LONG_BINGET => {
                let i = self.input.u32()? as usize;
                self.memo_get(i)?;
            }
            op::MARK => {
                self.marks.push(self.stack.len());
                self.fence = self.stack.len();
            }
            op::EMPTY_TUPLE => self.push(Tuple::empty().upcast()),
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let n = (code - op::TUPLE1) as usize + 1;
                if self.stack.len() < self.fence + n {
                    return Err(self.underflow());
                }
                let items = self.stack.split_off(self.stack.len() - n);
                self.push(Tuple::from_refs(items)?.upcast());
            }
            op::TUPLE => {
                let items = self.pop_mark()?;
                self.push(Tuple::from_refs(items)?.upcast());
            }
            op::EMPTY_LIST => self.push(List::new()?.upcast()),
            op::EMPTY_DICT => self.push(Dict::new()?.upcast()),
            op::EMPTY_SET => self.push(Set::new()?.upcast()),
            op::APPEND => {
                if self.stack.len() < self.fence + 2 {
                    return Err(self.underflow());
                }
                let at = self.stack.len() - 1;
                self.append(at)?;
            }
            op::APPENDS => {
                let at = self.mark()?;
                self.append(at)?;
            }
            op::SETITEM => {
                if self.stack.len() < self.fence + 3 {
                    return Err(self.underflow());
                }
                let at = self.stack.len() - 2;
                self.set_items(at)?;
            }
            op::SETITEMS => {
                let at = self.mark()?;
                self.set_items(at)?;
            }
            op::ADDITEMS => self.add_items()?,
            op::FROZENSET => {
                let items = self.pop_mark()?;
                let s = FrozenSet::new(as_objects(&items))?;
                self.push(s.upcast());
            }
            op::STACK_GLOBAL => {
                let name = self.pop()?;
                let module = self.pop()?;
                if name.downcast_exact::<Str>().is_none() || module.downcast_exact::<Str>().is_none() {
                    return Err(unpickling_error(format_args!("STACK_GLOBAL requires str")));
                }
                let g = self.find_class(&module, &name)?;
                self.push(g);
            }
            op::REDUCE => {
                let args = self.pop()?;
                let f = self.pop()?;
                let Some(t) = args.downcast::<Tuple>() else {
                    return Err(raise!(TypeError, "argument list must be a tuple, not {}", args.ty().name_str()));
                };
                let r = f.call(t.as_slice())?;
                self.push(r);
            }
            op::BUILD => self.build()?,
            op::NEWOBJ => self.new_object(false)?,
            op::NEWOBJ_EX => self.new_object(true)?,
            op::PROTO => {
                let p = self.input.byte()? as i64;
                if p > HIGHEST {
                    return Err(raise!(ValueError, "unsupported pickle protocol: {}", p));
                }
                self.proto = p;
            }
            op::FRAME => {
                let n = self.input.u64()?;
                if n > isize::MAX as u64 {
                    return Err(raise!(OverflowError, "FRAME length exceeds system's maximum of {} bytes", isize::MAX));
                }
                self.input.enter_frame(n as usize)?;
            }
            op::SHORT_BINBYTES => {
                let n = self.input.byte()? as usize;
                self.bytes(n)?;
            }
            op::BINBYTES => {
                let n = self.input.u32()? as usize;
                self.bytes(n)?;
            }
            op::BINBYTES8 => {
                let n = self.size("BINBYTES8")?;
                self.bytes(n)?;
            }
            op::BYTEARRAY8 => {
                let n = self.size("BYTEARRAY8")?;
                self.check_available(n)?;
                let b = ByteArray::new(&[])?;
                b.resize(n)?;
                self.input.read_into(n, &b, b.start())?;
                self.push(b.upcast());
            }
            op::LONG1 => {
                let n = self.input.byte()? as usize;
                let i = Int::from_byte_slice(self.input.take(n)?, true, true)?;
                self.push(i.upcast());
            }
            op::LONG4 => {
                let n = self.input.u32()? as i32;
                if n < 0 {
                    return Err(unpickling_error(format_args!("LONG pickle has negative byte count")));
                }
                let i = Int::from_byte_slice(self.input.take(n as usize)?, true, true)?;
                self.push(i.upcast());
            }
            op::POP => {
                // Also a mark can be popped.
                if !self.marks.is_empty() && self.stack.len() == self.fence {
                    self.mark()?;
                } else {
                    drop(self.pop()?);
                }
            }
            op::POP_MARK => drop(self.pop_mark()?),
            op::DUP => {
                let o = self.top()?.clone();
                self.push(o);
            }
            op::GLOBAL => {
                let module = self.line_str(false)?;
                let name = self.line_str(false)?;
                let g = self.find_class(&module, &name)?;
                self.push(g);
            }
            op::BINPERSID => {
                let id = self.pop()?;
                self.persistent(&id)?;
            }
            op::NEXT_BUFFER => {
                let Some(b) = &self.buffers else {
                    return Err(unpickling_error(format_args!(
                        "pickle stream refers to out-of-band data but no *buffers* argument was given"
                    )));
                };
                match b.clone().iter_next()? {
                    Some(b) => self.push(b),
                    None => return Err(unpickling_error(format_args!("not enough out-of-band buffers"))),
                }
            }
            op::READONLY_BUFFER => {
                let b = self.pop()?;
                let m = MemoryView::from_object(&b)?;
                if m.view().readonly != 0 {
                    self.push(b);
                } else {
                    let r = m.call_method(intern!("toreadonly"), &[])?;
                    self.push(r);
                }
            }
            _ => return self.old_step(code),
        }
        Ok(Next::Go)
    }

    /// Opcodes that only old protocols use.
    #[cold]
    fn old_step(&mut self, code: u8) -> PyResult<Next> {
        match code {
            op::LIST => {
                let items = self.pop_mark()?;
                self.push(List::from_vec(items)?.upcast());
            }
            op::DICT => {
                let items = self.pop_mark()?;
                if items.len() % 2 != 0 {
                    return Err(unpickling_error(format_args!("odd number of items for DICT")));
                }
                let d = Dict::new()?;
                for kv in items.chunks_exact(2) {
                    d.set(&kv[0], &kv[1])?;
                }
                self.push(d.upcast());
            }
            op::INT => {
                let line = self.full_line(2)?;
                let v: PyRef = match &line[..] {
                    b"00" => (**false_()).to_ref(),
                    b"01" => (**true_()).to_ref(),
                    _ => match core::str::from_utf8(&line).ok().and_then(|s| s.trim().parse::<i64>().ok()) {
                        Some(v) => Int::from_i64(v)?.upcast(),
                        None => self.parse_int(&line)?,
                    },
                };
                self.push(v);
            }
            op::LONG => {
                let mut line = self.full_line(2)?;
                if line.last() == Some(&b'L') {
                    line.pop();
                }
                let v = self.parse_int(&line)?;
                self.push(v);
            }
            op::FLOAT => {
                let line = self.full_line(2)?;
                let text = Bytes::new(&line)?;
                let bad = || raise!(ValueError, "could not convert string to float");
                let v = match runtime::objects::float::text::parse_float(&line) {
                    Some(v) => v,
                    None => return Err(text.repr().map(|_| bad())?),
                };
                self.push(Float::new(v)?.upcast());
            }
            op::STRING => {
                let line = self.full_line(2)?;
                let s = &line[..];
                let quoted = s.len() >= 2 && (s[0] == b'"' || s[0] == b'\'') && s[s.len() - 1] == s[0];
                if !quoted {
                    return Err(unpickling_error(format_args!("the STRING opcode argument must be quoted")));
                }
                let b = codecs::escapes::decode_escape(&s[1..s.len() - 1], Some("strict"))?;
                let v = self.old_string(b.as_slice())?;
                self.push(v);
            }
            op::BINSTRING => {
                let n = self.input.u32()? as i32;
                if n < 0 {
                    return Err(unpickling_error(format_args!("BINSTRING pickle has negative byte count")));
                }
                let b = self.input.take(n as usize)?.to_vec();
                let v = self.old_string(&b)?;
                self.push(v);
            }
            op::SHORT_BINSTRING => {
                let n = self.input.byte()? as usize;
                let b = self.input.take(n)?.to_vec();
                let v = self.old_string(&b)?;
                self.push(v);
            }
            op::UNICODE => {
                let line = self.input.line()?;
                let (s, _) = codecs::escapes::decode_raw_unicode_escape(&line, None, true)?;
                self.push(s.upcast());
            }
            op::PUT => {
                let line = self.full_line(2)?;
                let i = self.index(&line)?;
                if i < 0 {
                    return Err(raise!(ValueError, "negative PUT argument"));
                }
                self.memo_put(i as usize)?;
            }
            op::GET => {
                let line = self.full_line(2)?;
                let i = self.index(&line)?;
                if i < 0 {
                    return Err(unpickling_error(format_args!("Memo value not found at index {i}")));
                }
                self.memo_get(i as usize)?;
            }
            op::PERSID => {
                let line = self.full_line(1)?;
                if !line.is_ascii() {
                    return Err(unpickling_error(format_args!("persistent IDs in protocol 0 must be ASCII strings")));
                }
                let id = Str::from_ascii(&line)?;
                self.persistent(&id)?;
            }
            op::INST => {
                let module = self.line_str(true)?;
                let name = self.line_str(true)?;
                let class = self.find_class(&module, &name)?;
                let args = self.pop_mark()?;
                self.instantiate(&class, &args)?;
            }
            op::OBJ => {
                let items = self.pop_mark()?;
                let Some((class, args)) = items.split_first() else { return Err(self.underflow()) };
                self.instantiate(class, args)?;
            }
            op::EXT1 => {
                let c = self.input.byte()? as i64;
                self.extension(c)?;
            }
            op::EXT2 => {
                let c = self.input.u16()? as i64;
                self.extension(c)?;
            }
            op::EXT4 => {
                let c = self.input.u32()? as i32 as i64;
                self.extension(c)?;
            }
            c if (0x20..=0x7e).contains(&c) && c != b'\'' && c != b'\\' => {
                return Err(unpickling_error(format_args!("invalid load key, '{}'.", c as char)));
            }
            c => return Err(unpickling_error(format_args!("invalid load key, '\\x{c:02x}'."))),
        }
        Ok(Next::Go)
    }

    // -------------------------------------------------------------------------------------- pieces

    /// A line that has at least `min` bytes with its end.
    fn full_line(&mut self, min: usize) -> PyResult<Vec<u8>> {
        let line = self.input.line()?;
        if line.len() + 1 < min { Err(truncated()) } else { Ok(line) }
    }
    fn line_str(&mut self, ascii: bool) -> PyResult<PyRef> {
        let line = self.full_line(2)?;
        Ok(if ascii {
            codecs::decode(&line, Some("ascii"), Some("strict"))?.upcast()
        } else {
            codecs::decode(&line, Some("utf-8"), Some("strict"))?.upcast()
        })
    }
    fn parse_int(&self, line: &[u8]) -> PyResult<PyRef> {
        Ok(Int::from_bytes_text(line, 10, None)?.upcast())
    }
    fn index(&self, line: &[u8]) -> PyResult<isize> {
        Int::from_bytes_text(line, 10, None)?.as_isize()
    }
    fn size(&mut self, what: &str) -> PyResult<usize> {
        let n = self.input.u64()?;
        if n > isize::MAX as u64 {
            return Err(raise!(OverflowError, "{} exceeds system's maximum size of {} bytes", what, isize::MAX));
        }
        Ok(n as usize)
    }
    fn text(&mut self, n: usize) -> PyResult<()> {
        let b = self.input.take(n)?;
        let s = if runtime::objects::unicode::build::bytes_are_ascii(b) {
            Str::from_ascii(b)?
        } else {
            codecs::utf::decode_utf8(b, Some("surrogatepass"), true, "utf-8")?.0
        };
        self.push(s.upcast());
        Ok(())
    }
    /// Data in memory must be there before room is made for it.
    fn check_available(&self, n: usize) -> PyResult<()> {
        match self.input.source {
            Source::Memory if self.input.memory.len() - self.input.pos < n => Err(truncated()),
            _ => Ok(()),
        }
    }
    fn bytes(&mut self, n: usize) -> PyResult<()> {
        if n <= 64 * 1024 || matches!(self.input.source, Source::Memory) {
            let b = Bytes::new(self.input.take(n)?)?;
            self.push(b.upcast());
            return Ok(());
        }
        let b = Bytes::alloc(n)?;
        self.input.read_into(n, &b, b.data_ptr())?;
        self.push(b.upcast());
        Ok(())
    }
    fn old_string(&self, b: &[u8]) -> PyResult<PyRef> {
        if self.encoding == "bytes" {
            return Ok(Bytes::new(b)?.upcast());
        }
        Ok(codecs::decode(b, Some(&self.encoding), Some(&self.errors))?.upcast())
    }

    fn append(&mut self, at: usize) -> PyResult<()> {
        if at > self.stack.len() || at <= self.fence {
            return Err(self.underflow());
        }
        let items = self.stack.split_off(at);
        let target = self.top()?.clone();
        if items.is_empty() {
            return Ok(());
        }
        if let Some(l) = target.downcast_exact::<List>() {
            for x in items {
                l.push(x)?;
            }
            return Ok(());
        }
        if let Some(extend) = target.getattr_opt(intern!("extend"))? {
            let list = List::from_vec(items)?;
            return extend.call1(&list).map(drop);
        }
        let append = target.getattr(intern!("append"))?;
        for x in &items {
            append.call1(x)?;
        }
        Ok(())
    }

    fn set_items(&mut self, at: usize) -> PyResult<()> {
        if at > self.stack.len() || at <= self.fence {
            return Err(self.underflow());
        }
        let items = self.stack.split_off(at);
        if items.is_empty() {
            return Ok(());
        }
        if items.len() % 2 != 0 {
            return Err(unpickling_error(format_args!("odd number of items for SETITEMS")));
        }
        let target = self.top()?.clone();
        let mut items = items.into_iter();
        match target.downcast_exact::<Dict>() {
            Some(d) => {
                while let (Some(k), Some(v)) = (items.next(), items.next()) {
                    d.insert(k, v)?;
                }
            }
            None => {
                while let (Some(k), Some(v)) = (items.next(), items.next()) {
                    target.set_item(&k, &v)?;
                }
            }
        }
        Ok(())
    }

    fn add_items(&mut self) -> PyResult<()> {
        let at = self.mark()?;
        if at > self.stack.len() || at <= self.fence {
            return Err(self.underflow());
        }
        let items = self.stack.split_off(at);
        let target = self.top()?.clone();
        if let Some(s) = target.downcast::<Set>() {
            for x in items {
                s.insert(x)?;
            }
            return Ok(());
        }
        let add = target.getattr(intern!("add"))?;
        for x in &items {
            add.call1(x)?;
        }
        Ok(())
    }

    fn persistent(&mut self, id: &Object) -> PyResult<()> {
        let Some(f) = self.persistent_load.clone() else {
            return Err(unpickling_error(format_args!(
                "A load persistent id instruction was encountered, but no persistent_load function was specified."
            )));
        };
        let o = f.call1(id)?;
        self.push(o);
        Ok(())
    }

    fn instantiate(&mut self, class: &Object, args: &[PyRef]) -> PyResult<()> {
        // A class without arguments is made as a new-style object unless it asks for its __init__.
        let plain =
            args.is_empty() && class.downcast::<Type>().is_some() && !class.hasattr(intern!("__getinitargs__"))?;
        let o = if plain { class.call_method(intern!("__new__"), &[class])? } else { class.call(as_objects(args))? };
        self.push(o);
        Ok(())
    }

    fn new_object(&mut self, with_keywords: bool) -> PyResult<()> {
        let what = if with_keywords { "NEWOBJ_EX" } else { "NEWOBJ" };
        let kw = if with_keywords { Some(self.pop()?) } else { None };
        let args = self.pop()?;
        let cls = self.pop()?;
        let Some(class) = cls.downcast::<Type>() else {
            return Err(unpickling_error(format_args!(
                "{} class argument must be a type, not {}",
                what,
                cls.ty().name_str()
            )));
        };
        if class.slots().tp_new.is_none() {
            return Err(unpickling_error(format_args!(
                "{} class argument '{}' doesn't have __new__",
                what,
                class.name_str()
            )));
        }
        let Some(args) = args.downcast::<Tuple>() else {
            return Err(unpickling_error(format_args!(
                "{} args argument must be a tuple, not {}",
                what,
                args.ty().name_str()
            )));
        };
        let kw = match &kw {
            Some(k) => match k.downcast::<Dict>() {
                Some(d) => Some(d),
                None => {
                    return Err(unpickling_error(format_args!(
                        "{} kwargs argument must be a dict, not {}",
                        what,
                        k.ty().name_str()
                    )));
                }
            },
            None => None,
        };
        let o = match class.slots().tp_new {
            // SAFETY: the type's own slot, called as a type's `__new__` calls it.
            Some(new) => unsafe {
                PyRef::from_c_result(new(
                    class.as_raw().cast(),
                    args.as_ptr(),
                    kw.map_or(core::ptr::null_mut(), |k| k.as_ptr()),
                ))?
            },
            None => return Err(raise!(SystemError, "a type without __new__")),
        };
        self.push(o);
        Ok(())
    }

    fn build(&mut self) -> PyResult<()> {
        if self.stack.len() < self.fence + 2 {
            return Err(self.underflow());
        }
        let state = self.pop()?;
        let inst = self.top()?.clone();
        if let Some(f) = inst.getattr_opt(intern!("__setstate__"))? {
            return f.call1(&state).map(drop);
        }
        let (mut dict_state, mut slot_state) = (state.clone(), none_ref());
        if let Some(t) = state.downcast::<Tuple>() {
            if t.len() == 2 {
                dict_state = t.get(0).to_ref();
                slot_state = t.get(1).to_ref();
            }
        }
        if !dict_state.is_none() {
            let Some(d) = dict_state.downcast::<Dict>() else {
                return Err(unpickling_error(format_args!("state is not a dictionary")));
            };
            let mut pos = 0;
            // Names go to the instance itself where it keeps its attributes without a dict.
            let inline = inst.ty().flags() & abi::Py_TPFLAGS_MANAGED_DICT as u64 != 0;
            let mut target: Option<PyRef> = None;
            while let Some((k, v)) = d.next(&mut pos) {
                let key = match k.downcast_into::<Str>() {
                    Ok(s) if core::ptr::eq(s.ty(), Str::type_object()) => {
                        let s = Str::intern_ref(s);
                        if inline
                            && target.is_none()
                            && runtime::objects::dict::instance::object_setattr_inline(&inst, &s, Some(&v))?
                        {
                            continue;
                        }
                        s.upcast()
                    }
                    Ok(s) => s.upcast(),
                    Err(o) => o,
                };
                if target.is_none() {
                    target = Some(inst.getattr(intern!("__dict__"))?);
                }
                if let Some(t) = &target {
                    t.set_item(&key, &v)?;
                }
            }
        }
        if !slot_state.is_none() {
            let Some(d) = slot_state.downcast::<Dict>() else {
                return Err(unpickling_error(format_args!("slot state is not a dictionary")));
            };
            let mut pos = 0;
            while let Some((k, v)) = d.next(&mut pos) {
                match k.downcast::<Str>() {
                    Some(name) => inst.setattr(name, &v)?,
                    None => return Err(runtime::protocol::attr::name_type_error(&k)),
                }
            }
        }
        Ok(())
    }

    fn extension(&mut self, code: i64) -> PyResult<()> {
        let key = Int::from_i64(code)?;
        if let Some(o) = EXTENSION_CACHE.dict()?.get(&key)? {
            self.push(o);
            return Ok(());
        }
        let Some(pair) = INVERTED_REGISTRY.dict()?.get(&key)? else {
            if code <= 0 {
                return Err(unpickling_error(format_args!("EXT specifies code <= 0")));
            }
            return Err(raise!(ValueError, "unregistered extension code {}", code));
        };
        let strings =
            |t: &&Tuple| t.len() == 2 && t.get(0).downcast::<Str>().is_some() && t.get(1).downcast::<Str>().is_some();
        let Some(t) = pair.downcast::<Tuple>().filter(strings) else {
            return Err(raise!(ValueError, "_inverted_registry[{}] isn't a 2-tuple of strings", code));
        };
        let o = self.find_class(t.get(0), t.get(1))?;
        EXTENSION_CACHE.dict()?.set(&key, &o)?;
        self.push(o);
        Ok(())
    }

    fn find_class(&mut self, module: &Object, name: &Object) -> PyResult<PyRef> {
        if let Some(f) = &self.finder {
            return f.clone().call_method(intern!("find_class"), &[module, name]);
        }
        // Memoised names come again as the same objects; both are kept, so that their addresses stay theirs.
        let key = (module.as_ptr() as usize, name.as_ptr() as usize);
        if let Some((_, _, o)) = self.globals.get(&key) {
            return Ok(o.clone());
        }
        let o = find_class(module, name, self.proto, self.fix_imports)?;
        if self.globals.len() < 256 {
            self.globals.insert(key, (module.to_ref(), name.to_ref(), o.clone()));
        }
        Ok(o)
    }
}

/// The object that a pickle names.
pub fn find_class(module: &Object, name: &Object, proto: i64, fix_imports: bool) -> PyResult<PyRef> {
    runtime::lifecycle::audit::audit("pickle.find_class", &[module, name])?;
    let (mut module, mut name) = (module.to_ref(), name.to_ref());
    if proto < 3 && fix_imports {
        let key = Tuple::pack(&[&module, &name])?;
        if let Some(pair) = NAME_MAPPING.dict()?.get(&key)? {
            let Some(t) = pair.downcast::<Tuple>().filter(|t| t.len() == 2) else {
                return Err(raise!(
                    RuntimeError,
                    "_compat_pickle.NAME_MAPPING values should be 2-tuples, not {}",
                    pair.ty().name_str()
                ));
            };
            (module, name) = (t.get(0).to_ref(), t.get(1).to_ref());
        } else if let Some(m) = IMPORT_MAPPING.dict()?.get(&module)? {
            if m.downcast::<Str>().is_none() {
                return Err(raise!(
                    RuntimeError,
                    "_compat_pickle.IMPORT_MAPPING values should be strings, not {}",
                    m.ty().name_str()
                ));
            }
            module = m;
        }
    }
    let found = match modules()?.downcast::<Dict>() {
        Some(d) => d.get(&module)?,
        None => None,
    };
    let m = match found {
        Some(m) if !m.is_none() => m,
        _ => import_module(&module)?,
    };
    let Some(text) = name.downcast::<Str>() else {
        return Err(runtime::protocol::attr::name_type_error(&name));
    };
    if proto < 4 || !text.chars().any(|c| c == '.' as u32) {
        return m.getattr(text);
    }
    match get_dotted(&m, &split_dots(text)?) {
        Err(e) if e.matches(exc::AttributeError()) => {
            let cause = e.take();
            let e = raise!(
                AttributeError,
                "Can't resolve path {} on module {}",
                name.repr()?.to_string_lossy(),
                module.repr()?.to_string_lossy()
            );
            let exc = e.take();
            runtime::objects::exceptions::raise::chain_to(&exc, cause);
            Err(runtime::error::restore(exc))
        }
        r => r,
    }
}
