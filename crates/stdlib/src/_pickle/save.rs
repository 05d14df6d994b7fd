//! Writing pickles: the object graph walk, the memo and the frames of protocol 4.

use super::{
    CODECS_ENCODE, DISPATCH_TABLE, EXTENSION_REGISTRY, GETATTR, PARTIAL, REVERSE_IMPORT_MAPPING, REVERSE_NAME_MAPPING,
    full_type_name, get_dotted, import_module, modules, note, op, pickling_error, split_dots,
};
use core::hash::{BuildHasherDefault, Hasher};
use runtime::objects::ByteArray;
use runtime::prelude::*;
use runtime::protocol::{enter_recursive_call, leave_recursive_call};
use std::collections::HashMap;

/// Frames are committed once they hold this much, and larger payloads travel outside of them.
const FRAME_TARGET: usize = 64 * 1024;
/// Opcode and length of a frame.
const FRAME_HEADER: usize = 9;
/// Content too short to deserve a frame.
const FRAME_MIN: usize = 4;
/// Items between a mark and the opcode that adds them.
const BATCH: usize = 1000;
/// Depth from which the fast mode looks for cycles.
const FAST_LIMIT: usize = 50;

/// Hashes an address.
#[derive(Default)]
pub struct AddressHasher(u64);
impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(*b as u64);
        }
    }
    #[inline(always)]
    fn write_usize(&mut self, v: usize) {
        let x = (v as u64 >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = x ^ (x >> 32);
    }
}

/// The objects already written, by address, with their memo numbers; each is kept alive.
#[derive(Default)]
pub struct Memo {
    index: HashMap<usize, usize, BuildHasherDefault<AddressHasher>>,
    pub alive: Vec<PyRef>,
}

impl Memo {
    #[inline]
    pub fn get(&self, o: &Object) -> Option<usize> {
        if self.alive.is_empty() {
            return None;
        }
        self.index.get(&(o.as_ptr() as usize)).copied()
    }
    pub fn len(&self) -> usize {
        self.index.len()
    }
    pub fn set(&mut self, o: &Object, at: usize) {
        if self.index.insert(o.as_ptr() as usize, at).is_none() {
            self.alive.push(o.to_ref());
        }
    }
    /// The objects and their numbers.
    pub fn entries(&self) -> Vec<(PyRef, usize)> {
        self.alive.iter().map(|o| (o.clone(), self.get(o).unwrap_or(0))).collect()
    }
}

/// Where pickles go.
pub enum Sink {
    Memory,
    /// The file's `write`.
    File(PyRef),
}

/// One run of the pickler.
pub struct Saver {
    pub out: Vec<u8>,
    sink: Sink,
    pub proto: i64,
    pub bin: bool,
    pub fix_imports: bool,
    pub fast: bool,
    pub memo: Memo,
    framing: bool,
    /// Where the open frame's header stands.
    frame: Option<usize>,
    pub persistent_id: Option<PyRef>,
    pub reducer_override: Option<PyRef>,
    pub dispatch_table: Option<PyRef>,
    pub buffer_callback: Option<PyRef>,
    fast_nesting: usize,
    fast_seen: std::collections::HashSet<usize>,
}

/// What `__reduce_ex__` gave, or an object whose pieces stand in for it.
struct Reduced<'a> {
    func: &'a Object,
    args: &'a Object,
    state: Option<&'a Object>,
    listitems: Option<&'a Object>,
    dictitems: Option<&'a Object>,
    state_setter: Option<&'a Object>,
}

impl Saver {
    pub fn new(sink: Sink, proto: i64, fix_imports: bool) -> Saver {
        Saver {
            out: Vec::with_capacity(256),
            sink,
            proto,
            bin: proto > 0,
            fix_imports: fix_imports && proto < 3,
            fast: false,
            memo: Memo::default(),
            framing: false,
            frame: None,
            persistent_id: None,
            reducer_override: None,
            dispatch_table: None,
            buffer_callback: None,
            fast_nesting: 0,
            fast_seen: Default::default(),
        }
    }

    /// Writes one whole pickle.
    pub fn dump(&mut self, o: &Object) -> PyResult<()> {
        if self.proto >= 2 {
            self.write(&[op::PROTO, self.proto as u8]);
        }
        self.framing = self.proto >= 4;
        self.save(o)?;
        self.byte(op::STOP);
        self.commit_frame();
        self.framing = false;
        Ok(())
    }

    /// Hands what was written to the file.
    pub fn flush(&mut self) -> PyResult<()> {
        let Sink::File(write) = &self.sink else { return Ok(()) };
        let write = write.clone();
        let b = Bytes::new(&self.out)?;
        self.out.clear();
        write.call1(&b).map(drop)
    }

    // -------------------------------------------------------------------------------------- bytes and frames

    #[inline]
    fn open_frame(&mut self) {
        if self.framing && self.frame.is_none() {
            self.frame = Some(self.out.len());
            self.out.extend_from_slice(&[0; FRAME_HEADER]);
        }
    }
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.open_frame();
        self.out.extend_from_slice(bytes);
    }
    #[inline]
    fn byte(&mut self, b: u8) {
        self.open_frame();
        self.out.push(b);
    }
    fn commit_frame(&mut self) {
        let Some(start) = self.frame.take() else { return };
        let n = self.out.len() - start - FRAME_HEADER;
        if n >= FRAME_MIN {
            self.out[start] = op::FRAME;
            self.out[start + 1..start + FRAME_HEADER].copy_from_slice(&(n as u64).to_le_bytes());
        } else {
            self.out.drain(start..start + FRAME_HEADER);
        }
    }
    /// Between two opcodes: a full frame is closed, and given to the file.
    #[inline]
    fn boundary(&mut self) -> PyResult<()> {
        match self.frame {
            Some(start) if self.out.len() - start - FRAME_HEADER >= FRAME_TARGET => {
                self.commit_frame();
                self.flush()
            }
            _ => Ok(()),
        }
    }
    /// A header and its payload; large ones travel outside of frames and reach the file without a copy.
    fn write_payload(&mut self, header: &[u8], data: &[u8], object: Option<&Object>) -> PyResult<()> {
        if data.len() < FRAME_TARGET {
            self.write(header);
            self.out.extend_from_slice(data);
            return Ok(());
        }
        self.commit_frame();
        let framing = core::mem::replace(&mut self.framing, false);
        self.write(header);
        let r = match &self.sink {
            Sink::File(w) => {
                let w = w.clone();
                self.flush().and_then(|()| match object {
                    Some(o) => w.call1(o).map(drop),
                    None => Bytes::new(data).and_then(|b| w.call1(&b)).map(drop),
                })
            }
            Sink::Memory => {
                self.out.extend_from_slice(data);
                Ok(())
            }
        };
        self.framing = framing;
        r
    }

    // -------------------------------------------------------------------------------------- memo

    fn memoize(&mut self, o: &Object) -> PyResult<()> {
        if self.fast {
            return Ok(());
        }
        let i = self.memo.len();
        self.memo.set(o, i);
        if self.proto >= 4 {
            self.byte(op::MEMOIZE);
        } else if !self.bin {
            self.write(format!("{}{}\n", op::PUT as char, i).as_bytes());
        } else if i < 256 {
            self.write(&[op::BINPUT, i as u8]);
        } else if let Ok(v) = u32::try_from(i) {
            self.byte(op::LONG_BINPUT);
            self.write(&v.to_le_bytes());
        } else {
            return Err(pickling_error(format_args!("memo id too large for LONG_BINPUT")));
        }
        Ok(())
    }

    fn get(&mut self, i: usize) -> PyResult<()> {
        if !self.bin {
            self.write(format!("{}{}\n", op::GET as char, i).as_bytes());
        } else if i < 256 {
            self.write(&[op::BINGET, i as u8]);
        } else if let Ok(v) = u32::try_from(i) {
            self.byte(op::LONG_BINGET);
            self.write(&v.to_le_bytes());
        } else {
            return Err(pickling_error(format_args!("memo id too large for LONG_BINGET")));
        }
        Ok(())
    }

    // -------------------------------------------------------------------------------------- dispatch

    pub fn save(&mut self, o: &Object) -> PyResult<()> {
        self.save_maybe(o, true)
    }

    fn save_maybe(&mut self, o: &Object, ask_id: bool) -> PyResult<()> {
        self.boundary()?;
        if ask_id && self.persistent_id.is_some() && self.save_persistent(o)? {
            return Ok(());
        }
        // What is never memoised.
        if o.is_none() {
            self.byte(op::NONE);
            return Ok(());
        }
        let ty: &Object = o.ty();
        if let Some(i) = o.downcast_exact::<Int>() {
            return self.save_int(i);
        }
        if ty.is(Bool::type_object()) {
            let yes = o.is(true_());
            if self.proto >= 2 {
                self.byte(if yes { op::NEWTRUE } else { op::NEWFALSE });
            } else {
                self.write(if yes { b"I01\n" } else { b"I00\n" });
            }
            return Ok(());
        }
        if let Some(f) = o.downcast_exact::<Float>() {
            if self.bin {
                self.byte(op::BINFLOAT);
                self.write(&f.value().to_be_bytes());
            } else {
                let r = f.repr()?;
                self.write(format!("F{}\n", r.to_string_lossy()).as_bytes());
            }
            return Ok(());
        }
        if let Some(i) = self.memo.get(o) {
            return self.get(i);
        }
        if let Some(s) = o.downcast_exact::<Str>() {
            return self.save_str(s);
        }
        if let Some(b) = o.downcast_exact::<Bytes>() {
            return self.save_bytes(b);
        }
        enter_recursive_call(" while pickling an object")?;
        let r = self.save_compound(o);
        leave_recursive_call();
        r
    }

    fn save_compound(&mut self, o: &Object) -> PyResult<()> {
        if let Some(t) = o.downcast_exact::<Tuple>() {
            return self.save_tuple(t);
        }
        if let Some(l) = o.downcast_exact::<List>() {
            return self.guarded(o, |s| s.save_list(l));
        }
        if let Some(d) = o.downcast_exact::<Dict>() {
            return self.guarded(o, |s| s.save_dict(d));
        }
        if let Some(x) = o.downcast_exact::<Set>() {
            return self.save_set(x);
        }
        if let Some(x) = o.downcast_exact::<FrozenSet>() {
            return self.save_frozenset(x);
        }
        if let Some(b) = o.downcast_exact::<ByteArray>() {
            return self.save_bytearray(b);
        }
        if let Some(b) = o.downcast_exact::<super::buffer::PickleBuffer>() {
            return self.save_buffer(b);
        }
        if let Some(f) = self.reducer_override.clone() {
            let r = f.call1(o)?;
            if !r.is(not_implemented()) {
                return self.save_reduced(o, &r);
            }
        }
        let ty: &Object = o.ty();
        if ty.is(Type::type_object()) {
            return self.save_type(o);
        }
        if ty.is(runtime::objects::Function::type_object()) {
            return self.save_global(o, None);
        }
        let reducer = match &self.dispatch_table {
            None => DISPATCH_TABLE.dict()?.get(ty)?,
            Some(t) => {
                let t = t.clone();
                match t.downcast_exact::<Dict>() {
                    Some(d) => d.get(ty)?,
                    None => match t.get_item(ty) {
                        Ok(f) => Some(f),
                        Err(e) if e.matches(exc::KeyError()) => {
                            e.clear();
                            None
                        }
                        Err(e) => return Err(e),
                    },
                }
            }
        };
        let value = if let Some(f) = reducer {
            f.call1(o)?
        } else if o.ty().is_subtype(Type::type_object()) {
            return self.save_global(o, None);
        } else if let Some(f) = o.getattr_opt(intern!("__reduce_ex__"))? {
            f.call1(&*Int::from_i64(self.proto)?)?
        } else if let Some(f) = o.getattr_opt(intern!("__reduce__"))? {
            f.call0()?
        } else {
            return Err(pickling_error(format_args!("Can't pickle {} object", full_type_name(o))));
        };
        self.save_reduced(o, &value)
    }

    fn save_reduced(&mut self, o: &Object, value: &Object) -> PyResult<()> {
        if value.downcast::<Str>().is_some() {
            return self.save_global(o, Some(value));
        }
        self.save_reduce_value(o, value)
            .map_err(|e| note(e, format_args!("when serializing {} object", full_type_name(o))))
    }

    fn save_reduce_value(&mut self, o: &Object, value: &Object) -> PyResult<()> {
        let Some(t) = value.downcast::<Tuple>() else {
            return Err(pickling_error(format_args!(
                "__reduce__ must return a string or tuple, not {}",
                full_type_name(value)
            )));
        };
        if !(2..=6).contains(&t.len()) {
            return Err(pickling_error(format_args!("tuple returned by __reduce__ must contain 2 through 6 elements")));
        }
        let at = |i: usize| if i < t.len() && !t.get(i).is_none() { Some(t.get(i)) } else { None };
        let r = Reduced {
            func: t.get(0),
            args: t.get(1),
            state: at(2),
            listitems: at(3),
            dictitems: at(4),
            state_setter: at(5),
        };
        if !r.func.is_callable() {
            return Err(pickling_error(format_args!(
                "first item of the tuple returned by __reduce__ must be callable, not {}",
                full_type_name(r.func)
            )));
        }
        if r.args.downcast::<Tuple>().is_none() {
            return Err(pickling_error(format_args!(
                "second item of the tuple returned by __reduce__ must be a tuple, not {}",
                full_type_name(r.args)
            )));
        }
        for (what, item) in [("fourth", r.listitems), ("fifth", r.dictitems)] {
            if let Some(x) = item {
                if !x.is_iter() {
                    return Err(pickling_error(format_args!(
                        "{} item of the tuple returned by __reduce__ must be an iterator, not {}",
                        what,
                        full_type_name(x)
                    )));
                }
            }
        }
        if let Some(x) = r.state_setter {
            if !x.is_callable() {
                return Err(pickling_error(format_args!(
                    "sixth item of the tuple returned by __reduce__ must be callable, not {}",
                    full_type_name(x)
                )));
            }
        }
        self.save_reduce(&r, Some(o))
    }

    /// Calls `save` on a piece and names it in the note of an error.
    fn piece(&mut self, o: &Object, of: &Object, what: &str) -> PyResult<()> {
        self.save(o).map_err(|e| note(e, format_args!("when serializing {} {}", full_type_name(of), what)))
    }

    fn save_reduce(&mut self, r: &Reduced<'_>, obj: Option<&Object>) -> PyResult<()> {
        let args = match r.args.downcast::<Tuple>() {
            Some(t) => t,
            None => return Err(raise!(SystemError, "arguments of a reduction are no tuple")),
        };
        let owner = obj.unwrap_or(r.func);
        let (mut newobj, mut newobj_ex) = (false, false);
        if self.proto >= 2 {
            if let Some(name) = r.func.getattr_opt(intern!("__name__"))? {
                if let Some(n) = name.downcast::<Str>() {
                    newobj_ex = n.eq_str("__newobj_ex__");
                    newobj = n.eq_str("__newobj__");
                }
            }
        }
        if newobj_ex {
            if args.len() != 3 {
                return Err(pickling_error(format_args!("__newobj_ex__ expected 3 arguments, got {}", args.len())));
            }
            let (cls, a, kw) = (args.get(0), args.get(1), args.get(2));
            if cls.downcast::<Type>().is_none() {
                return Err(pickling_error(format_args!(
                    "first argument to __newobj_ex__() must be a class, not {}",
                    full_type_name(cls)
                )));
            }
            let Some(at) = a.downcast::<Tuple>() else {
                return Err(pickling_error(format_args!(
                    "second argument to __newobj_ex__() must be a tuple, not {}",
                    full_type_name(a)
                )));
            };
            let Some(kwd) = kw.downcast::<Dict>() else {
                return Err(pickling_error(format_args!(
                    "third argument to __newobj_ex__() must be a dict, not {}",
                    full_type_name(kw)
                )));
            };
            if self.proto >= 4 {
                self.piece(cls, owner, "class")?;
                self.piece(a, owner, "__new__ arguments")?;
                self.piece(kw, owner, "__new__ arguments")?;
                self.byte(op::NEWOBJ_EX);
            } else {
                // The call as a partial object without arguments of its own.
                let mut all: Vec<PyRef> = vec![cls.getattr(intern!("__new__"))?, cls.to_ref()];
                all.extend(Tuple::iter(at).map(|o| o.to_ref()));
                let part = PARTIAL.get()?.call_dict(&*Tuple::from_refs(all)?, Some(kwd))?;
                self.piece(&part, owner, "reconstructor")?;
                self.save(&Tuple::empty())?;
                self.byte(op::REDUCE);
            }
        } else if newobj {
            if args.is_empty() {
                return Err(pickling_error(format_args!("__newobj__ expected at least 1 argument, got 0")));
            }
            let cls = args.get(0);
            if cls.downcast::<Type>().is_none() {
                return Err(pickling_error(format_args!(
                    "first argument to __newobj__() must be a class, not {}",
                    full_type_name(cls)
                )));
            }
            if let Some(o) = obj {
                let c = o.getattr(intern!("__class__"))?;
                if !c.is(cls) {
                    return Err(pickling_error(format_args!(
                        "first argument to __newobj__() must be {}, not {}",
                        c.repr()?.to_string_lossy(),
                        cls.repr()?.to_string_lossy()
                    )));
                }
            }
            self.piece(cls, owner, "class")?;
            let rest = args.slice(1, args.len())?;
            self.piece(&rest, owner, "__new__ arguments")?;
            self.byte(op::NEWOBJ);
        } else {
            self.piece(r.func, owner, "reconstructor")?;
            self.piece(r.args, owner, "reconstructor arguments")?;
            self.byte(op::REDUCE);
        }
        if let Some(o) = obj {
            // An object that its own arguments refer to is in the memo by now: what was built is thrown away.
            match self.memo.get(o) {
                Some(i) => {
                    self.byte(op::POP);
                    self.get(i)?;
                }
                None => self.memoize(o)?,
            }
        }
        if let Some(items) = r.listitems {
            self.batch_list(items, owner)?;
        }
        if let Some(items) = r.dictitems {
            self.batch_dict(items, owner)?;
        }
        if let Some(state) = r.state {
            match (r.state_setter, obj) {
                (Some(setter), Some(o)) => {
                    self.piece(setter, owner, "state setter")?;
                    self.save(o)?;
                    self.piece(state, owner, "state")?;
                    self.write(&[op::TUPLE2, op::REDUCE, op::POP]);
                }
                _ => {
                    self.piece(state, owner, "state")?;
                    self.byte(op::BUILD);
                }
            }
        }
        Ok(())
    }

    /// Pickles `o` as `func(*args)`.
    fn save_call(&mut self, func: &Object, args: &[&Object], o: &Object) -> PyResult<()> {
        let args = Tuple::from_slice(args)?;
        self.save_reduce(
            &Reduced { func, args: &args, state: None, listitems: None, dictitems: None, state_setter: None },
            Some(o),
        )
    }

    fn save_persistent(&mut self, o: &Object) -> PyResult<bool> {
        let Some(f) = self.persistent_id.clone() else { return Ok(false) };
        let id = f.call1(o)?;
        if id.is_none() {
            return Ok(false);
        }
        if self.bin {
            self.save_maybe(&id, false)?;
            self.byte(op::BINPERSID);
            return Ok(true);
        }
        let text = id.str()?;
        let Some(a) = text.as_ascii() else {
            return Err(pickling_error(format_args!("persistent IDs in protocol 0 must be ASCII strings")));
        };
        self.write(format!("{}{}\n", op::PERSID as char, a).as_bytes());
        Ok(true)
    }

    // -------------------------------------------------------------------------------------- atoms

    fn save_int(&mut self, i: &Int) -> PyResult<()> {
        if let Some(v) = i.try_i64().and_then(|v| i32::try_from(v).ok()) {
            if self.bin {
                if let Ok(b) = u8::try_from(v) {
                    self.write(&[op::BININT1, b]);
                } else if let Ok(w) = u16::try_from(v) {
                    let w = w.to_le_bytes();
                    self.write(&[op::BININT2, w[0], w[1]]);
                } else {
                    self.byte(op::BININT);
                    self.write(&v.to_le_bytes());
                }
            } else {
                self.write(format!("{}{}\n", op::INT as char, v).as_bytes());
            }
            return Ok(());
        }
        if self.proto >= 2 {
            let mut n = i.bit_length() / 8 + 1;
            // A power of two's negative needs one byte less than its magnitude suggests.
            if i.is_negative() && i.bit_length() % 8 == 0 && i.bit_count() == 1 {
                n -= 1;
            }
            let mut data = vec![0u8; n];
            i.write_bytes(&mut data, true, true)?;
            if n < 256 {
                self.write(&[op::LONG1, n as u8]);
            } else if let Ok(n) = i32::try_from(n) {
                self.byte(op::LONG4);
                self.write(&n.to_le_bytes());
            } else {
                return Err(raise!(OverflowError, "int too large to pickle"));
            }
            self.write(&data);
        } else {
            let text = i.repr()?;
            self.write(format!("{}{}L\n", op::LONG as char, text.to_string_lossy()).as_bytes());
        }
        Ok(())
    }

    fn save_str(&mut self, s: &Str) -> PyResult<()> {
        if !self.bin {
            self.byte(op::UNICODE);
            let mut v = Vec::with_capacity(s.len() + 1);
            for c in s.chars() {
                match c {
                    0 | 0x0a | 0x0d | 0x1a | 0x5c | 0x100..=0xffff => {
                        v.extend_from_slice(format!("\\u{c:04x}").as_bytes())
                    }
                    0..=0xff => v.push(c as u8),
                    _ => v.extend_from_slice(format!("\\U{c:08x}").as_bytes()),
                }
            }
            v.push(b'\n');
            self.write(&v);
            return self.memoize(s);
        }
        let wtf8;
        let data: &[u8] = match s.as_ascii() {
            Some(a) => a.as_bytes(),
            None => {
                wtf8 = s.to_wtf8();
                &wtf8
            }
        };
        let n = data.len();
        if n <= 0xff && self.proto >= 4 {
            self.write(&[op::SHORT_BINUNICODE, n as u8]);
            self.write(data);
        } else if let Ok(n) = u32::try_from(n) {
            let mut h = [op::BINUNICODE; 5];
            h[1..].copy_from_slice(&n.to_le_bytes());
            self.write_payload(&h, data, None)?;
        } else if self.proto >= 4 {
            let mut h = [op::BINUNICODE8; 9];
            h[1..].copy_from_slice(&(n as u64).to_le_bytes());
            self.write_payload(&h, data, None)?;
        } else {
            return Err(raise!(
                OverflowError,
                "serializing a string larger than 4 GiB requires pickle protocol 4 or higher"
            ));
        }
        self.memoize(s)
    }

    fn save_bytes(&mut self, b: &Bytes) -> PyResult<()> {
        if self.proto < 3 {
            if b.is_empty() {
                return self.save_call(Bytes::type_object(), &[], b);
            }
            let text = Str::from_latin1(b.as_slice())?;
            return self.save_call(CODECS_ENCODE.get()?, &[&text, intern!("latin1")], b);
        }
        self.bytes_data(b.as_slice(), Some(b))?;
        self.memoize(b)
    }

    fn bytes_data(&mut self, data: &[u8], object: Option<&Object>) -> PyResult<()> {
        let n = data.len();
        if n <= 0xff {
            self.write(&[op::SHORT_BINBYTES, n as u8]);
            self.write(data);
            Ok(())
        } else if let Ok(n) = u32::try_from(n) {
            let mut h = [op::BINBYTES; 5];
            h[1..].copy_from_slice(&n.to_le_bytes());
            self.write_payload(&h, data, object)
        } else if self.proto >= 4 {
            let mut h = [op::BINBYTES8; 9];
            h[1..].copy_from_slice(&(n as u64).to_le_bytes());
            self.write_payload(&h, data, object)
        } else {
            Err(raise!(
                OverflowError,
                "serializing a bytes object larger than 4 GiB requires pickle protocol 4 or higher"
            ))
        }
    }

    fn save_bytearray(&mut self, b: &ByteArray) -> PyResult<()> {
        if self.proto < 5 {
            if b.is_empty() {
                return self.save_call(ByteArray::type_object(), &[], b);
            }
            let copy = Bytes::new(&b.to_vec())?;
            return self.save_call(ByteArray::type_object(), &[&copy], b);
        }
        self.bytearray_data(&b.to_vec())?;
        self.memoize(b)
    }

    fn bytearray_data(&mut self, data: &[u8]) -> PyResult<()> {
        let mut h = [op::BYTEARRAY8; 9];
        h[1..].copy_from_slice(&(data.len() as u64).to_le_bytes());
        self.write_payload(&h, data, None)
    }

    fn save_buffer(&mut self, b: &super::buffer::PickleBuffer) -> PyResult<()> {
        if self.proto < 5 {
            return Err(pickling_error(format_args!("PickleBuffer can only be pickled with protocol >= 5")));
        }
        let v = b.view()?;
        if !runtime::protocol::buffer::is_contiguous(v, b'A') {
            return Err(pickling_error(format_args!(
                "PickleBuffer can not be pickled when pointing to a non-contiguous buffer"
            )));
        }
        let readonly = v.readonly != 0;
        // The callback may release the buffer: a view of our own keeps the memory.
        let own = runtime::objects::MemoryView::from_object(b)?;
        let in_band = match self.buffer_callback.clone() {
            Some(f) => f.call1(b)?.is_true()?,
            None => true,
        };
        let v = own.view();
        if !in_band {
            self.byte(op::NEXT_BUFFER);
            if readonly {
                self.byte(op::READONLY_BUFFER);
            }
            return Ok(());
        }
        let data = if v.len <= 0 {
            Vec::new()
        } else {
            // SAFETY: a contiguous buffer that `own` keeps.
            unsafe { core::slice::from_raw_parts(v.buf.cast::<u8>(), v.len as usize) }.to_vec()
        };
        if readonly {
            self.bytes_data(&data, None)?;
        } else {
            self.bytearray_data(&data)?;
        }
        self.memoize(b)
    }

    // -------------------------------------------------------------------------------------- containers

    fn save_tuple(&mut self, t: &Tuple) -> PyResult<()> {
        let n = t.len();
        if n == 0 {
            if self.bin {
                self.byte(op::EMPTY_TUPLE);
            } else {
                self.write(&[op::MARK, op::TUPLE]);
            }
            return Ok(());
        }
        let short = n <= 3 && self.proto >= 2;
        if !short {
            self.byte(op::MARK);
        }
        for (i, x) in t.as_slice().iter().enumerate() {
            self.save(x).map_err(|e| note(e, format_args!("when serializing {} item {}", full_type_name(t), i)))?;
        }
        // A tuple that contains itself is in the memo by now.
        if let Some(i) = self.memo.get(t) {
            if short {
                for _ in 0..n {
                    self.byte(op::POP);
                }
            } else if self.bin {
                self.byte(op::POP_MARK);
            } else {
                for _ in 0..=n {
                    self.byte(op::POP);
                }
            }
            return self.get(i);
        }
        self.byte(if short { [op::TUPLE1, op::TUPLE2, op::TUPLE3][n - 1] } else { op::TUPLE });
        self.memoize(t)
    }

    /// In fast mode, cycles would go on for ever: notice them.
    fn guarded(&mut self, o: &Object, f: impl FnOnce(&mut Saver) -> PyResult<()>) -> PyResult<()> {
        if !self.fast {
            return f(self);
        }
        self.fast_nesting += 1;
        let watched = self.fast_nesting > FAST_LIMIT;
        if watched && !self.fast_seen.insert(o.as_ptr() as usize) {
            self.fast_nesting -= 1;
            return Err(raise!(
                ValueError,
                "fast mode: can't pickle cyclic objects including object type {} at {:p}",
                o.ty().name_str(),
                o
            ));
        }
        let r = f(self);
        self.fast_nesting -= 1;
        if watched {
            self.fast_seen.remove(&(o.as_ptr() as usize));
        }
        r
    }

    fn item_note(e: Raised, owner: &Object, i: usize) -> Raised {
        note(e, format_args!("when serializing {} item {}", full_type_name(owner), i))
    }

    fn save_list(&mut self, l: &List) -> PyResult<()> {
        if self.bin {
            self.byte(op::EMPTY_LIST);
        } else {
            self.write(&[op::MARK, op::LIST]);
        }
        self.memoize(l)?;
        if !self.bin {
            let mut i = 0;
            while let Some(x) = l.get(i) {
                self.save(&x).map_err(|e| Self::item_note(e, l, i))?;
                self.byte(op::APPEND);
                i += 1;
            }
            return Ok(());
        }
        // The list may change while its items are written.
        let mut i = 0;
        while i < l.len() {
            if l.len() - i == 1 {
                let Some(x) = l.get(i) else { break };
                self.save(&x).map_err(|e| Self::item_note(e, l, i))?;
                self.byte(op::APPEND);
                i += 1;
                continue;
            }
            self.byte(op::MARK);
            let end = i + BATCH;
            while i < end {
                let Some(x) = l.get(i) else { break };
                self.save(&x).map_err(|e| Self::item_note(e, l, i))?;
                i += 1;
            }
            self.byte(op::APPENDS);
        }
        Ok(())
    }

    /// Items of an iterator, appended to the object on the stack.
    fn batch_list(&mut self, items: &Object, owner: &Object) -> PyResult<()> {
        let mut i = 0;
        if !self.bin {
            while let Some(x) = items.iter_next()? {
                self.save(&x).map_err(|e| Self::item_note(e, owner, i))?;
                self.byte(op::APPEND);
                i += 1;
            }
            return Ok(());
        }
        let mut next = items.iter_next()?;
        while let Some(first) = next {
            next = items.iter_next()?;
            if next.is_none() {
                self.save(&first).map_err(|e| Self::item_note(e, owner, i))?;
                self.byte(op::APPEND);
                return Ok(());
            }
            self.byte(op::MARK);
            self.save(&first).map_err(|e| Self::item_note(e, owner, i))?;
            i += 1;
            let mut n = 1;
            while let Some(x) = next.take() {
                self.save(&x).map_err(|e| Self::item_note(e, owner, i))?;
                i += 1;
                n += 1;
                next = items.iter_next()?;
                if n == BATCH {
                    break;
                }
            }
            self.byte(op::APPENDS);
        }
        Ok(())
    }

    fn save_pair(&mut self, k: &Object, v: &Object, owner: &Object) -> PyResult<()> {
        self.save(k)?;
        self.save(v).map_err(|e| {
            // The key's repr may raise; the error in flight must survive that.
            let exc = e.take();
            let shown = match k.repr() {
                Ok(r) => r.to_string_lossy().into_owned(),
                Err(e2) => {
                    e2.clear();
                    return runtime::error::restore(exc);
                }
            };
            let e = runtime::error::restore(exc);
            note(e, format_args!("when serializing {} item {}", full_type_name(owner), shown))
        })
    }

    fn save_dict(&mut self, d: &Dict) -> PyResult<()> {
        if self.bin {
            self.byte(op::EMPTY_DICT);
        } else {
            self.write(&[op::MARK, op::DICT]);
        }
        self.memoize(d)?;
        if d.is_empty() {
            return Ok(());
        }
        let changed = || raise!(RuntimeError, "dictionary changed size during iteration");
        let size = d.len();
        let mut pos = 0;
        if !self.bin {
            while let Some((k, v)) = d.next(&mut pos) {
                self.save_pair(&k, &v, d)?;
                self.byte(op::SETITEM);
                if d.len() != size {
                    return Err(changed());
                }
            }
            return Ok(());
        }
        if size == 1 {
            if let Some((k, v)) = d.next(&mut pos) {
                self.save_pair(&k, &v, d)?;
                self.byte(op::SETITEM);
            }
            return Ok(());
        }
        loop {
            let mut n = 0;
            self.byte(op::MARK);
            while n < BATCH {
                let Some((k, v)) = d.next(&mut pos) else { break };
                self.save_pair(&k, &v, d)?;
                n += 1;
                if d.len() != size {
                    return Err(changed());
                }
            }
            self.byte(op::SETITEMS);
            if n < BATCH {
                return Ok(());
            }
        }
    }

    fn batch_dict(&mut self, items: &Object, owner: &Object) -> PyResult<()> {
        let pair = |o: &Object| -> PyResult<(PyRef, PyRef)> {
            match o.downcast::<Tuple>().filter(|t| t.len() == 2) {
                Some(t) => Ok((t.get(0).to_ref(), t.get(1).to_ref())),
                None => Err(raise!(TypeError, "dict items iterator must return 2-tuples")),
            }
        };
        if !self.bin {
            while let Some(x) = items.iter_next()? {
                let (k, v) = pair(&x)?;
                self.save_pair(&k, &v, owner)?;
                self.byte(op::SETITEM);
            }
            return Ok(());
        }
        let mut next = items.iter_next()?;
        while let Some(first) = next {
            let (k, v) = pair(&first)?;
            next = items.iter_next()?;
            if next.is_none() {
                self.save_pair(&k, &v, owner)?;
                self.byte(op::SETITEM);
                return Ok(());
            }
            self.byte(op::MARK);
            self.save_pair(&k, &v, owner)?;
            let mut n = 1;
            while let Some(x) = next.take() {
                let (k, v) = pair(&x)?;
                self.save_pair(&k, &v, owner)?;
                n += 1;
                next = items.iter_next()?;
                if n == BATCH {
                    break;
                }
            }
            self.byte(op::SETITEMS);
        }
        Ok(())
    }

    fn save_set(&mut self, s: &Set) -> PyResult<()> {
        if self.proto < 4 {
            let list = List::from_iterable(s)?;
            return self.save_call(Set::type_object(), &[&list], s);
        }
        self.byte(op::EMPTY_SET);
        self.memoize(s)?;
        let size = s.len();
        if size == 0 {
            return Ok(());
        }
        let mut pos = 0;
        loop {
            let mut n = 0;
            self.byte(op::MARK);
            while n < BATCH {
                let Some((x, _)) = s.next(&mut pos) else { break };
                self.save(&x).map_err(|e| note(e, format_args!("when serializing {} element", full_type_name(s))))?;
                n += 1;
                if s.len() != size {
                    return Err(raise!(RuntimeError, "set changed size during iteration"));
                }
            }
            self.byte(op::ADDITEMS);
            if n < BATCH {
                return Ok(());
            }
        }
    }

    fn save_frozenset(&mut self, s: &FrozenSet) -> PyResult<()> {
        if self.proto < 4 {
            let list = List::from_iterable(s)?;
            return self.save_call(FrozenSet::type_object(), &[&list], s);
        }
        self.byte(op::MARK);
        for x in s.snapshot() {
            self.save(&x).map_err(|e| note(e, format_args!("when serializing {} element", full_type_name(s))))?;
        }
        if let Some(i) = self.memo.get(s) {
            self.byte(op::POP_MARK);
            return self.get(i);
        }
        self.byte(op::FROZENSET);
        self.memoize(s)
    }

    // -------------------------------------------------------------------------------------- globals

    fn save_type(&mut self, o: &Object) -> PyResult<()> {
        for single in [none(), not_implemented(), ellipsis()] {
            let t: &Object = single.ty();
            if o.is(t) {
                return self.save_call(Type::type_object(), &[single], o);
            }
        }
        self.save_global(o, None)
    }

    fn save_global(&mut self, o: &Object, name: Option<&Object>) -> PyResult<()> {
        let name: PyRef = match name {
            Some(n) => n.to_ref(),
            None => match o.getattr_opt(intern!("__qualname__"))? {
                Some(n) => n,
                None => o.getattr(intern!("__name__"))?,
            },
        };
        let Some(text) = name.downcast::<Str>() else {
            return Err(raise!(TypeError, "name of a global must be str, not {}", name.ty().name_str()));
        };
        let path = split_dots(text)?;
        let module = which_module(o, text, &path)?;
        if self.proto >= 2 {
            let key = Tuple::pack(&[&module, &name])?;
            if let Some(code) = EXTENSION_REGISTRY.dict()?.get(&key)? {
                let Some(i) = code.downcast::<Int>() else {
                    return Err(raise!(TypeError, "an integer is required (got type {})", code.ty().name_str()));
                };
                let v = i.as_i64()?;
                if v <= 0 || v > 0x7fff_ffff {
                    return Err(raise!(RuntimeError, "extension code {} is out of range", v));
                }
                if v <= 0xff {
                    self.write(&[op::EXT1, v as u8]);
                } else if v <= 0xffff {
                    self.byte(op::EXT2);
                    self.write(&(v as u16).to_le_bytes());
                } else {
                    self.byte(op::EXT4);
                    self.write(&(v as u32).to_le_bytes());
                }
                return Ok(());
            }
        }
        if self.proto >= 4 {
            self.save(&module)?;
            self.save(&name)?;
            self.byte(op::STACK_GLOBAL);
        } else if path.len() > 1 {
            // getattr(getattr(module.first, second), third)
            for _ in 1..path.len() {
                self.save(GETATTR.get()?)?;
                if self.proto < 2 {
                    self.byte(op::MARK);
                }
            }
            self.save_top_level(&module, &path[0])?;
            for part in &path[1..] {
                self.save(part)?;
                self.byte(if self.proto < 2 { op::TUPLE } else { op::TUPLE2 });
                self.byte(op::REDUCE);
            }
        } else {
            self.save_top_level(&module, &name)?;
        }
        self.memoize(o)
    }

    fn save_top_level(&mut self, module: &Object, name: &Object) -> PyResult<()> {
        let (mut module, mut name) = (module.to_ref(), name.to_ref());
        if self.proto < 3 && self.fix_imports {
            let key = Tuple::pack(&[&module, &name])?;
            if let Some(pair) = REVERSE_NAME_MAPPING.dict()?.get(&key)? {
                let Some(t) = pair.downcast::<Tuple>().filter(|t| t.len() == 2) else {
                    return Err(raise!(
                        RuntimeError,
                        "_compat_pickle.REVERSE_NAME_MAPPING values should be 2-tuples, not {}",
                        pair.ty().name_str()
                    ));
                };
                (module, name) = (t.get(0).to_ref(), t.get(1).to_ref());
            } else if let Some(m) = REVERSE_IMPORT_MAPPING.dict()?.get(&module)? {
                module = m;
            }
        }
        let encode = |o: &Object, what: &str| -> PyResult<Vec<u8>> {
            let Some(s) = o.downcast::<Str>() else {
                return Err(raise!(TypeError, "expected a string, not {}", o.ty().name_str()));
            };
            let r = if self.proto >= 3 { s.as_str().map(|s| s.as_bytes()) } else { s.as_ascii().map(|s| s.as_bytes()) };
            match r {
                Some(b) => Ok(b.to_vec()),
                None => {
                    // The codec's own error becomes the context.
                    let codec = if self.proto >= 3 { "utf-8" } else { "ascii" };
                    let cause = match runtime::objects::codecs::encode(s, Some(codec), Some("strict")) {
                        Err(e) if e.matches(exc::UnicodeEncodeError()) => Some(e.take()),
                        Err(e) => return Err(e),
                        Ok(_) => None,
                    };
                    let e = pickling_error(format_args!(
                        "can't pickle {} identifier {} using pickle protocol {}",
                        what,
                        s.repr()?.to_string_lossy(),
                        self.proto
                    ));
                    Err(match cause {
                        Some(c) => with_context(e, c),
                        None => e,
                    })
                }
            }
        };
        let m = encode(&module, "module")?;
        let n = encode(&name, "global")?;
        self.byte(op::GLOBAL);
        self.write(&m);
        self.byte(b'\n');
        self.write(&n);
        self.byte(b'\n');
        Ok(())
    }
}

/// The module in which the object is found under its name.
fn which_module(o: &Object, name: &Str, path: &[Ref<Str>]) -> PyResult<PyRef> {
    let shown = |o: &Object| o.repr().map(|r| r.to_string_lossy().into_owned());
    let mut module = o.getattr_opt(intern!("__module__"))?;
    if path.iter().any(|p| p.eq_str("<locals>")) {
        return Err(pickling_error(format_args!("Can't pickle local object {}", shown(o)?)));
    }
    if module.as_ref().is_some_and(|m| m.is_none()) {
        module = None;
    }
    if module.is_none() {
        let all = modules()?;
        let items = match all.downcast::<Dict>() {
            Some(d) => d.items_snapshot(),
            None => {
                let copy = Dict::new()?;
                copy.update(&all)?;
                copy.items_snapshot()
            }
        };
        for (k, m) in items {
            if m.is_none() || k.downcast::<Str>().is_some_and(|k| k.eq_str("__main__") || k.eq_str("__mp_main__")) {
                continue;
            }
            match get_dotted(&m, path) {
                Ok(found) if found.is(o) => return Ok(k),
                Ok(_) => {}
                Err(e) if e.matches(exc::AttributeError()) => e.clear(),
                Err(e) => return Err(e),
            }
        }
    }
    let module = match module {
        Some(m) => m,
        None => Str::new("__main__")?.upcast(),
    };
    let loaded = match modules()?.downcast::<Dict>() {
        Some(d) => d.get(&module)?,
        None => None,
    };
    let loaded = match loaded {
        Some(m) if !m.is_none() => m,
        _ => match import_module(&module) {
            Ok(m) => m,
            Err(e) if e.matches(exc::ImportError()) || e.matches(exc::ValueError()) || e.matches(exc::KeyError()) => {
                let cause = e.take();
                let text = cause.str()?;
                let e = pickling_error(format_args!("Can't pickle {}: {}", shown(o)?, text.to_string_lossy()));
                return Err(with_context(e, cause));
            }
            Err(e) => return Err(e),
        },
    };
    match get_dotted(&loaded, path) {
        Ok(found) if found.is(o) => Ok(module),
        Ok(_) => Err(pickling_error(format_args!(
            "Can't pickle {}: it's not the same object as {}.{}",
            shown(o)?,
            module.str()?.to_string_lossy(),
            name.to_string_lossy()
        ))),
        Err(e) if e.matches(exc::AttributeError()) => {
            let cause = e.take();
            let e = pickling_error(format_args!(
                "Can't pickle {}: it's not found as {}.{}",
                shown(o)?,
                module.str()?.to_string_lossy(),
                name.to_string_lossy()
            ));
            Err(with_context(e, cause))
        }
        Err(e) => Err(e),
    }
}

/// Gives a new exception the one it replaces as its context.
fn with_context(e: Raised, context: Ref<runtime::objects::BaseException>) -> Raised {
    let exc = e.take();
    runtime::objects::exceptions::raise::chain_to(&exc, context);
    runtime::error::restore(exc)
}
