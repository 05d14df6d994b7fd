//! Code objects: the compiler's `CodeData` as Python objects, plus what the interpreter needs beside it (instruction
//! words that quicken in place, the table of inline caches, constants as slots).
//!
//! Everything is immutable after construction except the op byte of instruction words and the cache entries, which are
//! atomics. Code is counted lazily (deferred), so running it in many threads writes no shared line.

use crate::interp::slot::Slot;
use crate::prelude::*;
use compiler::code::{CodeData, Const, ExcEntry, Position, co, fast};
use compiler::opcode as opc;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// `PyCodeObject` followed by ours.
#[repr(C)]
pub struct Code {
    pub base: abi::PyCodeObject,
    pub instrs: *const AtomicU32,
    pub caches: *const AtomicU64,
    /// Constants as slots: borrowed pointers and unboxed numbers
    pub const_slots: *const Slot,
    /// Items of `co_names`
    pub names: *const *mut abi::PyObject,
    pub extra: *mut CodeExtra,
    /// Tools' instrumentation: nonzero when any monitoring event is on for this code
    pub monitoring: AtomicU64,
}

/// The parts of a code object that are not hot.
pub struct CodeExtra {
    pub instrs: Box<[AtomicU32]>,
    pub caches: Box<[AtomicU64]>,
    pub const_slots: Box<[Slot]>,
    pub exception_table: Box<[ExcEntry]>,
    pub positions: Box<[Position]>,
    pub kinds: Box<[u8]>,
    /// Names of all locals, interned
    pub local_names: Box<[&'static Str]>,
    /// Positional call without `*args`, `**kwargs`, keyword-only: arguments are the locals
    pub simple_args: bool,
    /// The prefix MAKE_CELL… of a generator needs nothing special; whether RETURN_GENERATOR is there
    pub is_generator: bool,
}

static NEXT_VERSION: AtomicU32 = AtomicU32::new(1);

/// A version number for functions and code; 0 when they ran out.
pub fn next_version() -> u32 {
    NEXT_VERSION.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |v| if v == u32::MAX { None } else { Some(v + 1) }).unwrap_or(0)
}

impl Code {
    /// Makes a code object, nested ones included.
    pub fn from_data(data: &CodeData) -> PyResult<Ref<Code>> {
        let mut consts = Vec::with_capacity(data.consts.len());
        for c in &data.consts {
            consts.push(const_object(c)?);
        }
        let mut names: Vec<PyRef> = Vec::with_capacity(data.names.len());
        for n in &data.names {
            names.push(Str::intern(n).to_ref());
        }
        let local_names: Vec<&'static Str> = data.localsplus.iter().map(|(n, _)| Str::intern(n)).collect();
        let kinds: Vec<u8> = data.localsplus.iter().map(|(_, k)| *k).collect();
        Self::build(CodeParts {
            argcount: data.argcount,
            posonlyargcount: data.posonlyargcount,
            kwonlyargcount: data.kwonlyargcount,
            stacksize: data.stacksize,
            flags: data.flags,
            firstlineno: data.firstlineno as i32,
            instrs: data.instrs.clone(),
            ncaches: data.ncaches,
            consts: Tuple::from_refs(consts)?,
            names: Tuple::from_refs(names)?,
            local_names,
            kinds,
            filename: Str::intern(&data.filename).to_ref(),
            name: Str::intern(&data.name).to_ref(),
            qualname: Str::intern(&data.qualname).to_ref(),
            exception_table: data.exception_table.clone(),
            positions: data.positions.clone(),
        })
    }

    pub fn build(p: CodeParts) -> PyResult<Ref<Code>> {
        let nlocalsplus = p.kinds.len();
        let count_kinds = p.kinds.clone();
        let count = |bit: u8| count_kinds.iter().filter(|k| **k & bit != 0).count() as i32;
        let mut locals_refs = Vec::with_capacity(nlocalsplus);
        for n in &p.local_names {
            locals_refs.push(n.to_ref());
        }
        let locals_tuple = Tuple::from_refs(locals_refs)?;
        let kinds_bytes = Bytes::new(&p.kinds)?;
        let empty = Bytes::new(&[])?;
        let const_slots: Box<[Slot]> = p.consts.as_slice().iter().map(|o| const_slot(o)).collect();
        let simple_args = p.flags & (co::VARARGS | co::VARKEYWORDS) == 0 && p.kwonlyargcount == 0;
        let is_generator = p.flags & (co::GENERATOR | co::COROUTINE | co::ASYNC_GENERATOR) != 0;
        let extra = Box::new(CodeExtra {
            instrs: p.instrs.iter().map(|w| AtomicU32::new(*w)).collect(),
            caches: (0..p.ncaches).map(|_| AtomicU64::new(0)).collect(),
            const_slots,
            exception_table: p.exception_table.into_boxed_slice(),
            positions: p.positions.into_boxed_slice(),
            kinds: p.kinds.into_boxed_slice(),
            local_names: p.local_names.into_boxed_slice(),
            simple_args,
            is_generator,
        });
        let c = crate::typeobject::alloc_object::<Code>(Code::type_object())?;
        let raw = c.as_raw();
        // SAFETY: the object is fresh and ours alone.
        unsafe {
            let b = &mut (*raw).base;
            b.co_names = p.names.clone().into_ptr();
            b.co_consts = p.consts.into_ptr();
            b.co_exceptiontable = empty.clone().into_ptr();
            b.co_flags = p.flags as i32;
            b.co_argcount = p.argcount as i32;
            b.co_posonlyargcount = p.posonlyargcount as i32;
            b.co_kwonlyargcount = p.kwonlyargcount as i32;
            b.co_stacksize = p.stacksize as i32;
            b.co_firstlineno = p.firstlineno;
            b.co_nlocalsplus = nlocalsplus as i32;
            b.co_framesize = (nlocalsplus + p.stacksize as usize + crate::interp::frame::InterpFrame::HEADER_SLOTS) as i32;
            b.co_nlocals = count(fast::LOCAL);
            b.co_ncellvars = count(fast::CELL);
            b.co_nfreevars = count(fast::FREE);
            b.co_version = next_version();
            b.co_localsplusnames = locals_tuple.into_ptr();
            b.co_localspluskinds = kinds_bytes.into_ptr();
            b.co_filename = p.filename.into_ptr();
            b.co_name = p.name.into_ptr();
            b.co_qualname = p.qualname.into_ptr();
            b.co_linetable = empty.into_ptr();
            b.co_weakreflist = null_mut();
            (*raw).instrs = extra.instrs.as_ptr();
            (*raw).caches = extra.caches.as_ptr();
            (*raw).const_slots = extra.const_slots.as_ptr();
            (*raw).names = p.names.as_slice().as_ptr().cast();
            (*raw).extra = Box::into_raw(extra);
            crate::interp::pending::set_deferred(raw.cast());
        }
        crate::interp::pending::track(&c);
        Ok(c)
    }

    #[inline(always)]
    pub fn extra(&self) -> &CodeExtra {
        // SAFETY: set at construction, freed with the object.
        unsafe { &*self.extra }
    }
    #[inline(always)]
    pub fn flags(&self) -> u32 {
        self.base.co_flags as u32
    }
    #[inline(always)]
    pub fn nlocalsplus(&self) -> usize {
        self.base.co_nlocalsplus as usize
    }
    #[inline(always)]
    pub fn stacksize(&self) -> usize {
        self.base.co_stacksize as usize
    }
    /// Slots that a frame takes, header included.
    #[inline(always)]
    pub fn framesize(&self) -> usize {
        self.base.co_framesize as usize
    }
    #[inline(always)]
    pub fn argcount(&self) -> usize {
        self.base.co_argcount as usize
    }
    #[inline(always)]
    pub fn posonlyargcount(&self) -> usize {
        self.base.co_posonlyargcount as usize
    }
    #[inline(always)]
    pub fn kwonlyargcount(&self) -> usize {
        self.base.co_kwonlyargcount as usize
    }
    pub fn firstlineno(&self) -> u32 {
        self.base.co_firstlineno as u32
    }
    #[inline(always)]
    pub fn name_at(&self, i: usize) -> &'static Str {
        // SAFETY: names are interned (immortal) strings; the compiler emits valid indices.
        unsafe { &*(*self.names.add(i)).cast::<Str>() }
    }
    /// Name of a slot of localsplus.
    pub fn local_name(&self, i: usize) -> &'static Str {
        self.extra().local_names[i]
    }
    pub fn kind(&self, i: usize) -> u8 {
        self.extra().kinds[i]
    }
    pub fn name(&self) -> &Str {
        // SAFETY: a str, set at construction.
        unsafe { &*self.base.co_name.cast::<Str>() }
    }
    pub fn qualname(&self) -> &Str {
        // SAFETY: as above.
        unsafe { &*self.base.co_qualname.cast::<Str>() }
    }
    pub fn filename(&self) -> &Str {
        // SAFETY: as above.
        unsafe { &*self.base.co_filename.cast::<Str>() }
    }
    pub fn consts(&self) -> &Tuple {
        // SAFETY: a tuple, set at construction.
        unsafe { &*self.base.co_consts.cast::<Tuple>() }
    }
    pub fn names(&self) -> &Tuple {
        // SAFETY: as above.
        unsafe { &*self.base.co_names.cast::<Tuple>() }
    }
    /// Place of the instruction at word `i`.
    pub fn position(&self, i: usize) -> Position {
        self.extra().positions.get(i).copied().unwrap_or(Position::NONE)
    }
    /// Line of the instruction at word `i`.
    pub fn line_of(&self, i: usize) -> Option<u32> {
        let l = self.position(i).line;
        if l < 0 { None } else { Some(l as u32) }
    }
    /// The handler that covers word `i`.
    pub fn handler(&self, i: u32) -> Option<&ExcEntry> {
        let t = &self.extra().exception_table;
        let k = t.partition_point(|e| e.start <= i);
        let e = &t[k.checked_sub(1)?];
        if i < e.end { Some(e) } else { None }
    }
    /// `co_varnames`, `co_cellvars`, `co_freevars`: names of the slots with a kind bit.
    pub fn names_of_kind(&self, bit: u8) -> PyResult<Ref<Tuple>> {
        let x = self.extra();
        Tuple::from_refs(x.kinds.iter().zip(&x.local_names).filter(|(k, _)| **k & bit != 0).map(|(_, n)| n.to_ref()).collect::<Vec<_>>())
    }
    /// The instruction word at `i` as the compiler wrote it.
    pub fn original_word(&self, i: usize) -> u32 {
        let w = self.extra().instrs[i].load(Ordering::Relaxed);
        if i > 0 {
            let prev = self.extra().instrs[i - 1].load(Ordering::Relaxed);
            if opc::has_cache(crate::interp::specialize::base_op(opc::op_of(prev))) {
                return w; // a cache word, or (never) an instruction after one that looks alike
            }
        }
        w & !0xff | crate::interp::specialize::base_op(opc::op_of(w)) as u32
    }
}

/// What a code object is made of.
pub struct CodeParts {
    pub argcount: u32,
    pub posonlyargcount: u32,
    pub kwonlyargcount: u32,
    pub stacksize: u32,
    pub flags: u32,
    pub firstlineno: i32,
    pub instrs: Vec<u32>,
    pub ncaches: u32,
    pub consts: Ref<Tuple>,
    pub names: Ref<Tuple>,
    pub local_names: Vec<&'static Str>,
    pub kinds: Vec<u8>,
    pub filename: PyRef,
    pub name: PyRef,
    pub qualname: PyRef,
    pub exception_table: Vec<ExcEntry>,
    pub positions: Vec<Position>,
}

fn const_slot(o: &Object) -> Slot {
    if let Some(i) = o.downcast_exact::<Int>()
        && let Some(s) = i.try_i64().and_then(Slot::int)
    {
        return s;
    }
    if let Some(f) = o.downcast_exact::<Float>()
        && let Some(s) = Slot::float(f.value())
    {
        return s;
    }
    Slot::borrowed(o)
}

/// A constant as an object.
pub fn const_object(c: &Const) -> PyResult<PyRef> {
    Ok(match c {
        Const::None => none_ref(),
        Const::True => true_().to_ref(),
        Const::False => false_().to_ref(),
        Const::Ellipsis => ellipsis().to_ref(),
        Const::Int(v) => Int::from_i64(*v)?.upcast(),
        Const::BigInt(b) => Int::from_bigint(b)?.upcast(),
        Const::Float(f) => Float::new(*f)?.upcast(),
        Const::Complex(re, im) => crate::objects::Complex::new(*re, *im)?.upcast(),
        Const::Str(s) => match s.as_str() {
            Some(t) if t.len() <= 256 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => Str::intern(t).to_ref(),
            _ => Str::from_wtf8(s.as_bytes())?.upcast(),
        },
        Const::Bytes(b) => Bytes::new(b)?.upcast(),
        Const::Tuple(items) => Tuple::from_refs(const_objects(items)?)?.upcast(),
        Const::FrozenSet(items) => {
            let t = Tuple::from_refs(const_objects(items)?)?;
            FrozenSet::from_iterable(&t)?.upcast()
        }
        Const::Slice(s) => {
            let (a, b, c) = (const_object(&s[0])?, const_object(&s[1])?, const_object(&s[2])?);
            Slice::new(Some(&a), Some(&b), Some(&c))?.upcast()
        }
        Const::Code(d) => Code::from_data(d)?.upcast(),
    })
}

fn const_objects(items: &[Const]) -> PyResult<Vec<PyRef>> {
    items.iter().map(const_object).collect()
}

#[unsafe(no_mangle)]
pub static mut PyCode_Type: Type = Type::STATIC;
py_layout!(Code, PyCode_Type);
