//! Code objects: the compiler's `CodeData` as Python objects, plus what the interpreter needs beside it (instruction
//! words that quicken in place, the table of inline caches, constants as slots).
//!
//! Everything is immutable after construction except the op byte of instruction words and the cache entries, which are
//! atomics. Code is counted lazily (deferred), so running it in many threads writes no shared line.

use crate::interp::slot::Slot;
use crate::objects::codeview::{Parsed, View, line_table, read_line_table};
use crate::objects::positions::Positions;
use crate::prelude::*;
use crate::typeobject::CompareOp;
use compiler::code::{CodeData, Const, ExcEntry, Position, co, fast};
use compiler::opcode as opc;
use core::ffi::c_int;
use core::mem::offset_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use macros::pyclass;

pub use compiler::code::fast::{CELL, FREE, LOCAL};

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
    pub positions: Positions,
    pub kinds: Box<[u8]>,
    /// Names of all locals, interned
    pub local_names: Box<[&'static Str]>,
    /// Positional call without `*args`, `**kwargs`, keyword-only: arguments are the locals
    pub simple_args: bool,
    /// How Python sees the code; made when somebody asks
    view: std::sync::OnceLock<Box<View>>,
    /// The prefix MAKE_CELL… of a generator needs nothing special; whether RETURN_GENERATOR is there
    pub is_generator: bool,
}

static NEXT_VERSION: AtomicU32 = AtomicU32::new(1);

/// A version number for functions and code; 0 when they ran out.
pub fn next_version() -> u32 {
    NEXT_VERSION
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |v| if v == u32::MAX { None } else { Some(v + 1) })
        .unwrap_or(0)
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
            positions: if ThreadState::current().interp().config().code_debug_ranges {
                data.positions.clone()
            } else {
                data.positions.iter().map(|p| Position { col: -1, end_col: -1, end_line: p.line, ..*p }).collect()
            },
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
            positions: Positions::new(p.positions),
            kinds: p.kinds.into_boxed_slice(),
            local_names: p.local_names.into_boxed_slice(),
            simple_args,
            view: std::sync::OnceLock::new(),
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
            b.co_framesize =
                (nlocalsplus + p.stacksize as usize + crate::interp::frame::InterpFrame::HEADER_SLOTS) as i32;
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
            b._co_firsttraceable = p.instrs.iter().position(|w| opc::op_of(*w) == opc::op::RESUME).unwrap_or(0) as i32;
            (*raw).instrs = extra.instrs.as_ptr();
            (*raw).caches = extra.caches.as_ptr();
            (*raw).const_slots = extra.const_slots.as_ptr();
            (*raw).names = p.names.as_slice().as_ptr().cast();
            (*raw).extra = Box::into_raw(extra);
        }
        crate::interp::pending::track(&c);
        // Frames borrow their code: it must be deferred (or it lives for ever)
        if !crate::mem::refcount::set_deferred(&c) {
            crate::mem::refcount::set_immortal(&c);
        }
        crate::objects::watchers::code_event(&c, false);
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
        self.extra().positions.get(i).unwrap_or(Position::NONE)
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
        Tuple::from_refs(
            x.kinds
                .iter()
                .zip(&x.local_names)
                .filter(|(k, _)| **k & bit != 0)
                .map(|(_, n)| n.to_ref())
                .collect::<Vec<_>>(),
        )
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
            Some(t) if t.len() <= 256 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                Str::intern(t).to_ref()
            }
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

type FreeExtra = unsafe extern "C" fn(*mut core::ffi::c_void);
/// How the values at each extra index are freed (`PyUnstable_Eval_RequestCodeExtraIndex`).
static EXTRA_FREE: std::sync::Mutex<Vec<Option<FreeExtra>>> = std::sync::Mutex::new(Vec::new());
/// CPython's limit of `MAX_CO_EXTRA_USERS`.
const MAX_EXTRA: usize = 255;

/// A new index for extra data of code objects; -1 when there are no more.
pub fn request_extra_index(free: Option<FreeExtra>) -> isize {
    let mut all = EXTRA_FREE.lock().unwrap_or_else(|e| e.into_inner());
    if all.len() == MAX_EXTRA {
        return -1;
    }
    all.push(free);
    all.len() as isize - 1
}

fn extra_free(index: usize) -> Option<Option<FreeExtra>> {
    EXTRA_FREE.lock().unwrap_or_else(|e| e.into_inner()).get(index).copied()
}

type Extra = Vec<*mut core::ffi::c_void>;

impl Code {
    /// The extra data at an index; null when none was set.
    pub fn get_extra(&self, index: usize) -> *mut core::ffi::c_void {
        // SAFETY: null or our own list, changed under the object's lock only.
        crate::thread::critical(self, || unsafe {
            self.base.co_extra.cast::<Extra>().as_ref().and_then(|e| e.get(index).copied()).unwrap_or(null_mut())
        })
    }

    /// Sets it, freeing the old value; false for an index that nobody requested.
    pub fn set_extra(&self, index: usize, value: *mut core::ffi::c_void) -> bool {
        let Some(free) = extra_free(index) else { return false };
        // SAFETY: as above.
        let old = crate::thread::critical(self, || unsafe {
            let place = (&raw const self.base.co_extra).cast_mut().cast::<*mut Extra>();
            if (*place).is_null() {
                *place = Box::into_raw(Box::default());
            }
            let list = &mut **place;
            if list.len() <= index {
                list.resize(index + 1, null_mut());
            }
            core::mem::replace(&mut list[index], value)
        });
        if let Some(f) = free
            && !old.is_null()
            && old != value
        {
            // SAFETY: the value was given to be freed by this function.
            unsafe { f(old) };
        }
        true
    }
}

/// Frees the extra data of a dying code object.
fn free_extra(c: &Code) {
    let list = c.base.co_extra.cast::<Extra>();
    if list.is_null() {
        return;
    }
    // SAFETY: our own list, and the object is dying.
    let list = unsafe { Box::from_raw(list) };
    for (i, v) in list.iter().enumerate() {
        if let Some(Some(f)) = extra_free(i)
            && !v.is_null()
        {
            // SAFETY: the value was given to be freed by this function.
            unsafe { f(*v) };
        }
    }
}

#[unsafe(no_mangle)]
pub static mut PyCode_Type: Type = Type::STATIC;
py_layout!(Code, PyCode_Type);

fn field(p: *mut abi::PyObject) -> PyRef {
    // SAFETY: set at construction, never changed.
    unsafe { Object::from_ptr(p) }.to_ref()
}

impl Code {
    /// The code as Python sees it.
    pub fn view(&self) -> &View {
        let x = self.extra();
        x.view.get_or_init(|| Box::new(View::new(&self.original_words(), &x.exception_table)))
    }
    /// Where Python sees the instruction at word `i`: an offset into `co_code`.
    pub fn shown_offset(&self, i: usize) -> usize {
        2 * self.view().unit_of(i)
    }
    /// The word of an offset that Python gives.
    pub fn word_at_offset(&self, offset: usize) -> usize {
        self.view().word_of(offset / 2)
    }
    /// The words as the compiler wrote them.
    pub fn original_words(&self) -> Vec<u32> {
        let x = self.extra();
        let mut out = Vec::with_capacity(x.instrs.len());
        let mut i = 0;
        while i < x.instrs.len() {
            let w = x.instrs[i].load(Ordering::Relaxed);
            let op = crate::interp::specialize::base_op(opc::op_of(w));
            out.push(w & !0xff | op as u32);
            i += 1;
            if opc::has_cache(op) && i < x.instrs.len() {
                out.push(x.instrs[i].load(Ordering::Relaxed));
                i += 1;
            }
        }
        out
    }
    fn parts(&self) -> CodeParts {
        let x = self.extra();
        CodeParts {
            argcount: self.base.co_argcount as u32,
            posonlyargcount: self.base.co_posonlyargcount as u32,
            kwonlyargcount: self.base.co_kwonlyargcount as u32,
            stacksize: self.base.co_stacksize as u32,
            flags: self.flags(),
            firstlineno: self.base.co_firstlineno,
            instrs: self.original_words(),
            ncaches: x.caches.len() as u32,
            consts: Ref::new_ref(self.consts()),
            names: Ref::new_ref(self.names()),
            local_names: x.local_names.to_vec(),
            kinds: x.kinds.to_vec(),
            filename: self.filename().to_ref(),
            name: self.name().to_ref(),
            qualname: self.qualname().to_ref(),
            exception_table: x.exception_table.to_vec(),
            positions: x.positions.to_vec(),
        }
    }
    fn same(&self, o: &Code) -> PyResult<bool> {
        if core::ptr::eq(self, o) {
            return Ok(true);
        }
        let (a, b) = (&self.base, &o.base);
        if a.co_argcount != b.co_argcount
            || a.co_posonlyargcount != b.co_posonlyargcount
            || a.co_kwonlyargcount != b.co_kwonlyargcount
            || a.co_flags != b.co_flags
            || a.co_firstlineno != b.co_firstlineno
            || self.extra().kinds != o.extra().kinds
            || self.original_words() != o.original_words()
            || self.extra().positions != o.extra().positions
            || self.extra().exception_table != o.extra().exception_table
        {
            return Ok(false);
        }
        Ok(self.name().eq_data(o.name())
            && const_key(self.consts())?.eq(&*const_key(o.consts())?)?
            && self.names().eq(o.names())?
            && self.extra().local_names.iter().zip(&o.extra().local_names).all(|(x, y)| core::ptr::eq(*x, *y)))
    }
    /// Gives another file name to this code and the nested code that has the same old one (`_imp._fix_co_filename`).
    pub fn rename_file(&self, old: &Str, name: &Str) {
        if !self.filename().eq_data(old) {
            return;
        }
        for c in self.consts().iter() {
            if let Some(c) = c.downcast_exact::<Code>() {
                c.rename_file(old, name);
            }
        }
        let raw = (self as *const Code).cast_mut();
        // SAFETY: done before the code runs; the old name is kept alive by whoever reads it (deferred decref).
        unsafe {
            let old = core::mem::replace(&mut (*raw).base.co_filename, name.to_ref().into_ptr());
            crate::mem::qsbr::decref_delayed(old);
        }
    }
}

/// Makes constants of different types compare unequal: each value goes with its type.
fn const_key(t: &Tuple) -> PyResult<Ref<Tuple>> {
    let mut v = Vec::with_capacity(t.len());
    for c in t.iter() {
        let pair = if let Some(inner) = c.downcast_exact::<Tuple>() {
            let k = const_key(inner)?;
            Tuple::from_slice(&[c.ty(), &k])?
        } else if c.downcast_exact::<Float>().is_some() {
            let r = c.repr()?;
            Tuple::from_slice(&[c.ty(), &r])?
        } else {
            Tuple::from_slice(&[c.ty(), c])?
        };
        v.push(pair.upcast());
    }
    Tuple::from_refs(v)
}

fn interned(o: &Object, what: &str) -> PyResult<&'static Str> {
    match o.downcast::<Str>() {
        Some(s) => Ok(Str::intern(&s.to_string_lossy())),
        None => Err(raise!(TypeError, "{} must be a tuple of strings, not {}", what, o.ty().name_str())),
    }
}

fn names_to_kinds(
    var: &Tuple,
    cell: &Tuple,
    free: &Tuple,
    argcount: usize,
    kwonly: usize,
) -> PyResult<(Vec<&'static Str>, Vec<u8>)> {
    let mut names = Vec::new();
    let mut kinds = Vec::new();
    let cells: Vec<&'static Str> = cell.iter().map(|c| interned(c, "cellvars")).collect::<PyResult<_>>()?;
    for (i, n) in var.iter().enumerate() {
        let n = interned(n, "varnames")?;
        let mut k = fast::LOCAL;
        if i < argcount {
            k |= fast::ARG_POS | fast::ARG_KW;
        } else if i < argcount + kwonly {
            k |= fast::ARG_KW;
        }
        if cells.iter().any(|c| core::ptr::eq(*c, n)) {
            k |= fast::CELL;
        }
        names.push(n);
        kinds.push(k);
    }
    for c in cells {
        if !names.iter().any(|n| core::ptr::eq(*n, c)) {
            names.push(c);
            kinds.push(fast::CELL);
        }
    }
    for f in free.iter() {
        names.push(interned(f, "freevars")?);
        kinds.push(fast::FREE);
    }
    Ok((names, kinds))
}

/// Iterates over `co_lines()` rows or positions made beforehand.
fn iter_over(v: Vec<PyRef>) -> PyResult<PyRef> {
    List::from_vec(v)?.iter()
}

/// code(argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize, flags, codestring, constants, names, varnames, filename, name, qualname, firstlineno, linetable, exceptiontable, freevars=(), cellvars=(), /)
/// --
///
#[pyclass(name = "code", type_object = PyCode_Type, flags = "HAVE_GC", weaklistoffset = offset_of!(Code, base.co_weakreflist), members = "co_argcount: int@base.co_argcount readonly; co_posonlyargcount: int@base.co_posonlyargcount readonly; co_kwonlyargcount: int@base.co_kwonlyargcount readonly; co_stacksize: int@base.co_stacksize readonly; co_flags: int@base.co_flags readonly; co_names: object@base.co_names readonly; co_filename: object@base.co_filename readonly; co_name: object@base.co_name readonly; co_qualname: object@base.co_qualname readonly; co_firstlineno: int@base.co_firstlineno readonly; co_consts: object@base.co_consts readonly; co_nlocals: int@base.co_nlocals readonly")]
impl Code {
    /// Create a code object.  Not for mere mortals.
    #[slot(
        sig = "argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize, flags, codestring, constants, names, varnames, filename, name, qualname, firstlineno, linetable, exceptiontable, freevars=(), cellvars=(), /"
    )]
    #[allow(clippy::too_many_arguments)]
    fn tp_new(
        cls: &Type,
        argcount: i32,
        posonlyargcount: i32,
        kwonlyargcount: i32,
        nlocals: i32,
        stacksize: i32,
        flags: i32,
        codestring: &Bytes,
        constants: &Tuple,
        names: &Tuple,
        varnames: &Tuple,
        filename: &Str,
        name: &Str,
        qualname: &Str,
        firstlineno: i32,
        linetable: &Bytes,
        exceptiontable: &Bytes,
        freevars: Option<&Tuple>,
        cellvars: Option<&Tuple>,
    ) -> PyResult<PyRef> {
        let _ = cls;
        if argcount < 0 {
            return Err(raise!(ValueError, "code: argcount must not be negative"));
        }
        if posonlyargcount < 0 {
            return Err(raise!(ValueError, "code: posonlyargcount must not be negative"));
        }
        if kwonlyargcount < 0 {
            return Err(raise!(ValueError, "code: kwonlyargcount must not be negative"));
        }
        if nlocals < 0 {
            return Err(raise!(ValueError, "code: nlocals must not be negative"));
        }
        if nlocals as usize != varnames.len() {
            return Err(raise!(ValueError, "code: co_nlocals != len(co_varnames)"));
        }
        let empty = Tuple::empty();
        let (local_names, kinds) = names_to_kinds(
            varnames,
            cellvars.unwrap_or(&empty),
            freevars.unwrap_or(&empty),
            argcount as usize,
            kwonlyargcount as usize,
        )?;
        let mut nv = Vec::new();
        for n in names.iter() {
            nv.push(interned(n, "names")?.to_ref());
        }
        if codestring.as_slice().len() % 2 != 0 {
            return Err(raise!(ValueError, "code: co_code is malformed"));
        }
        let parsed = Parsed::new(codestring.as_slice());
        let positions = parsed.positions(&read_line_table(linetable.as_slice(), firstlineno), firstlineno);
        let exception_table = parsed.exception_table(exceptiontable.as_slice());
        Ok(Code::build(CodeParts {
            argcount: argcount as u32,
            posonlyargcount: posonlyargcount as u32,
            kwonlyargcount: kwonlyargcount as u32,
            stacksize: stacksize as u32,
            flags: flags as u32,
            firstlineno,
            ncaches: parsed.ncaches,
            instrs: parsed.words,
            consts: Ref::new_ref(constants),
            names: Tuple::from_refs(nv)?,
            local_names,
            kinds,
            filename: filename.to_ref(),
            name: name.to_ref(),
            qualname: qualname.to_ref(),
            exception_table,
            positions,
        })?
        .upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::format(format_args!(
            "<code object {} at {:p}, file \"{}\", line {}>",
            self.name().to_string_lossy(),
            self,
            self.filename().to_string_lossy(),
            self.base.co_firstlineno
        ))
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        let mut h = self.name().hash()? as u64;
        let mut mix = |v: u64| h = (h ^ v).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        mix(const_key(self.consts())?.hash()? as u64);
        mix(self.names().hash()? as u64);
        mix(self.base.co_argcount as u64);
        mix(self.base.co_flags as u64);
        mix(self.base.co_firstlineno as u64);
        for w in self.original_words() {
            mix(w as u64);
        }
        Ok(h as isize)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Code>() else { return Ok(not_implemented().to_ref()) };
        Ok(match op {
            CompareOp::Eq => Bool::of(self.same(o)?).to_ref(),
            CompareOp::Ne => Bool::of(!self.same(o)?).to_ref(),
            _ => not_implemented().to_ref(),
        })
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        let b = &self.base;
        for p in [b.co_consts, b.co_names, b.co_localsplusnames, b.co_filename, b.co_name, b.co_qualname] {
            let r = v.visit_ptr(p);
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            if crate::objects::watchers::code_destroyed(this) {
                return;
            }
            free_extra(&*this);
            crate::mem::gc::untrack(&*this);
            if !(*this).base.co_weakreflist.is_null() {
                crate::interp::pending::clear_weakrefs(&*this);
            }
            crate::interp::specialize::free_records(&*this);
            crate::interp::monitoring::forget_code(&*this);
            let b = &mut (*this).base;
            for p in [
                &raw mut b.co_consts,
                &raw mut b.co_names,
                &raw mut b.co_exceptiontable,
                &raw mut b.co_localsplusnames,
                &raw mut b.co_localspluskinds,
                &raw mut b.co_filename,
                &raw mut b.co_name,
                &raw mut b.co_qualname,
                &raw mut b.co_linetable,
            ] {
                drop(PyRef::from_ptr_opt(p.replace(null_mut())));
            }
            if !(*this).extra.is_null() {
                drop(Box::from_raw((*this).extra));
                (*this).extra = null_mut();
            }
            crate::objects::r#gen::free(this.cast());
        }
    }
    #[pygetset]
    fn co_varnames(&self) -> PyResult<PyRef> {
        Ok(self.names_of_kind(fast::LOCAL)?.upcast())
    }
    #[pygetset]
    fn co_cellvars(&self) -> PyResult<PyRef> {
        Ok(self.names_of_kind(fast::CELL)?.upcast())
    }
    #[pygetset]
    fn co_freevars(&self) -> PyResult<PyRef> {
        Ok(self.names_of_kind(fast::FREE)?.upcast())
    }
    #[pygetset]
    fn co_code(&self) -> PyResult<PyRef> {
        Ok(Bytes::new(&self.view().bytes)?.upcast())
    }
    #[pygetset]
    fn _co_code_adaptive(&self) -> PyResult<PyRef> {
        Ok(Bytes::new(&self.view().bytes)?.upcast())
    }
    #[pygetset]
    fn co_exceptiontable(&self) -> PyResult<PyRef> {
        Ok(Bytes::new(&self.view().exception_table(&self.extra().exception_table))?.upcast())
    }
    #[pygetset]
    fn co_linetable(&self) -> PyResult<PyRef> {
        let t = line_table(self.view().positions(&self.extra().positions.to_vec()), self.base.co_firstlineno);
        Ok(Bytes::new(&t)?.upcast())
    }
    #[pygetset]
    fn co_lnotab(&self) -> PyResult<PyRef> {
        crate::error::warn(exc::DeprecationWarning(), "co_lnotab is deprecated, use co_lines instead.", 1)?;
        let mut out = Vec::new();
        let (mut at, mut line) = (0i32, self.base.co_firstlineno);
        for (u, p) in self.view().positions(&self.extra().positions.to_vec()).enumerate() {
            if p.line < 0 || p.line == line {
                continue;
            }
            let (mut bytes, mut lines) = (2 * u as i32 - at, p.line - line);
            while bytes > 255 {
                out.extend_from_slice(&[255, 0]);
                bytes -= 255;
            }
            while !(-128..=127).contains(&lines) {
                let step = if lines < 0 { -128i32 } else { 127 };
                out.extend_from_slice(&[bytes as u8, step as u8]);
                bytes = 0;
                lines -= step;
            }
            out.extend_from_slice(&[bytes as u8, lines as u8]);
            (at, line) = (2 * u as i32, p.line);
        }
        Ok(Bytes::new(&out)?.upcast())
    }
    #[pymethod]
    fn co_lines(&self) -> PyResult<PyRef> {
        let p: Vec<Position> = self.view().positions(&self.extra().positions.to_vec()).collect();
        let mut v = Vec::new();
        let mut i = 0;
        while i < p.len() {
            let line = p[i].line;
            let start = i;
            while i < p.len() && p[i].line == line {
                i += 1;
            }
            let l: PyRef = if line < 0 { none_ref() } else { Int::from_i64(line as i64)?.upcast() };
            let (a, b) = (Int::from_usize(start * 2)?, Int::from_usize(i * 2)?);
            v.push(Tuple::from_slice(&[&a, &b, &l])?.upcast());
        }
        iter_over(v)
    }
    #[pymethod]
    fn co_positions(&self) -> PyResult<PyRef> {
        let mut v = Vec::new();
        for p in self.view().positions(&self.extra().positions.to_vec()) {
            let mut items = Vec::with_capacity(4);
            for n in [p.line, p.end_line, p.col, p.end_col] {
                items.push(if n < 0 { none_ref() } else { Int::from_i64(n as i64)?.upcast() });
            }
            v.push(Tuple::from_refs(items)?.upcast());
        }
        iter_over(v)
    }
    #[pymethod]
    fn co_branches(&self) -> PyResult<PyRef> {
        let (x, view) = (self.original_words(), self.view());
        let mut v = Vec::new();
        let mut i = 0;
        while i < x.len() {
            let (op, arg) = (opc::op_of(x[i]), opc::arg_of(x[i]) as usize);
            let next = i + 1 + opc::has_cache(op) as usize;
            use opc::op::*;
            let taken = match op {
                // Behind the END_FOR and the POP_ITER of the loop's end
                FOR_ITER => Some(view.start_of(next + arg + 2)),
                POP_JUMP_IF_FALSE | POP_JUMP_IF_TRUE | POP_JUMP_IF_NONE | POP_JUMP_IF_NOT_NONE => {
                    Some(view.start_of(next + arg))
                }
                END_SEND if view.after_not_taken(i) != view.unit_of(i) + 1 => self
                    .handler(i as u32)
                    .filter(|e| opc::op_of(x[e.target as usize]) == END_ASYNC_FOR)
                    .map(|e| view.unit_of(e.target as usize) + 1),
                _ => None,
            };
            if let Some(t) = taken {
                let items = [view.unit_of(i), view.after_not_taken(i), t];
                let items = items.iter().map(|u| Ok(Int::from_usize(2 * u)?.upcast())).collect::<PyResult<Vec<_>>>()?;
                v.push(Tuple::from_refs(items)?.upcast());
            }
            i = next;
        }
        iter_over(v)
    }
    #[pymethod(name = "__sizeof__")]
    fn sizeof(&self) -> usize {
        let x = self.extra();
        size_of::<Code>() + size_of::<CodeExtra>() + x.instrs.len() * 4 + x.caches.len() * 8 + x.positions.byte_size()
    }
    #[pymethod]
    fn _varname_from_oparg(&self, oparg: usize) -> PyResult<PyRef> {
        match self.extra().local_names.get(oparg) {
            Some(n) => Ok(n.to_ref()),
            None => Err(raise!(IndexError, "tuple index out of range")),
        }
    }
    /// Return a copy of the code object with new values for the specified fields.
    #[pymethod(raw)]
    fn replace(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        replace(self, args)
    }
    #[pymethod(raw, name = "__replace__")]
    fn dunder_replace(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        replace(self, args)
    }
}

fn replace(c: &Code, args: FuncArgs<'_>) -> PyResult<PyRef> {
    if !args.args.is_empty() {
        return Err(raise!(
            TypeError,
            "replace() takes 0 positional arguments but {} {} given",
            args.len(),
            if args.len() == 1 { "was" } else { "were" }
        ));
    }
    let mut p = c.parts();
    let (mut var, mut cell, mut free) =
        (c.names_of_kind(fast::LOCAL)?, c.names_of_kind(fast::CELL)?, c.names_of_kind(fast::FREE)?);
    let mut relayout = false;
    let (mut new_code, mut new_lines, mut new_table) = (None, None, None);
    let mut nlocals = None;
    let tuple = |name: &str, v: &Object| match v.downcast::<Tuple>() {
        Some(t) => Ok(Ref::new_ref(t)),
        None => Err(raise!(TypeError, "replace() argument '{}' must be tuple, not {}", name, v.ty().name_str())),
    };
    let string = |name: &str, v: &Object| match v.downcast::<Str>() {
        Some(_) => Ok(v.to_ref()),
        None => Err(raise!(TypeError, "replace() argument '{}' must be str, not {}", name, v.ty().name_str())),
    };
    let bytes = |name: &str, v: &Object| match v.downcast::<Bytes>() {
        Some(b) => Ok(b.as_slice().to_vec()),
        None => Err(raise!(TypeError, "replace() argument '{}' must be bytes, not {}", name, v.ty().name_str())),
    };
    let count = |name: &str, v: &Object| -> PyResult<u32> {
        let n = v.as_i64()?;
        if n < 0 {
            return Err(raise!(ValueError, "{} must be a positive integer", name));
        }
        Ok(n as u32)
    };
    for (k, v) in args.keywords() {
        let k = k.str()?;
        let k = k.to_string_lossy();
        match &*k {
            "co_argcount" => p.argcount = count(&k, v)?,
            "co_posonlyargcount" => p.posonlyargcount = count(&k, v)?,
            "co_kwonlyargcount" => p.kwonlyargcount = count(&k, v)?,
            "co_nlocals" => nlocals = Some(count(&k, v)?),
            "co_stacksize" => p.stacksize = count(&k, v)?,
            "co_flags" => p.flags = count(&k, v)?,
            "co_firstlineno" => p.firstlineno = v.as_i64()? as i32,
            "co_code" => {
                let b = bytes(&k, v)?;
                if b.len() % 2 != 0 {
                    return Err(raise!(ValueError, "code: co_code is malformed"));
                }
                new_code = (b != c.view().bytes).then_some(b);
            }
            "co_consts" => p.consts = tuple(&k, v)?,
            "co_names" => {
                let t = tuple(&k, v)?;
                let mut nv = Vec::new();
                for n in t.iter() {
                    nv.push(interned(n, "co_names")?.to_ref());
                }
                p.names = Tuple::from_refs(nv)?;
            }
            "co_varnames" => {
                var = tuple(&k, v)?;
                relayout = true;
            }
            "co_freevars" => {
                free = tuple(&k, v)?;
                relayout = true;
            }
            "co_cellvars" => {
                cell = tuple(&k, v)?;
                relayout = true;
            }
            "co_filename" => p.filename = string(&k, v)?,
            "co_name" => p.name = string(&k, v)?,
            "co_qualname" => p.qualname = string(&k, v)?,
            "co_linetable" => new_lines = Some(bytes(&k, v)?),
            "co_exceptiontable" => new_table = Some(bytes(&k, v)?),
            _ => return Err(raise!(TypeError, "replace() got an unexpected keyword argument '{}'", k)),
        }
    }
    if new_code.is_some() || new_lines.is_some() || new_table.is_some() || p.firstlineno != c.base.co_firstlineno {
        // The tables count units of the code they go with; lines are relative to the first one
        let same = new_code.is_none();
        let parsed = Parsed::new(new_code.as_deref().unwrap_or(&c.view().bytes));
        let lines = match new_lines {
            Some(t) => t,
            None => line_table(c.view().positions(&c.extra().positions.to_vec()), c.base.co_firstlineno),
        };
        let units = read_line_table(&lines, p.firstlineno);
        let table = match new_table {
            Some(t) => t,
            None => c.view().exception_table(&c.extra().exception_table),
        };
        if same {
            let v = c.view();
            for (w, place) in p.positions.iter_mut().enumerate() {
                *place = units.get(v.unit_of(w)).copied().unwrap_or(Position::NONE);
            }
            let mut t = parsed.exception_table(&table);
            for e in &mut t {
                // units of the unchanged code
                let unit = |w: u32| parsed.unit_of.get(w as usize).map_or(v.len(), |u| *u as usize);
                (e.start, e.end, e.target) =
                    (v.word_of(unit(e.start)) as u32, v.word_of(unit(e.end)) as u32, v.word_of(unit(e.target)) as u32);
            }
            p.exception_table = t;
        } else {
            p.positions = parsed.positions(&units, p.firstlineno);
            p.exception_table = parsed.exception_table(&table);
            p.instrs = parsed.words;
            p.ncaches = parsed.ncaches;
        }
    }
    if nlocals.is_some_and(|n| n as usize != var.len()) {
        return Err(raise!(ValueError, "code: co_nlocals != len(co_varnames)"));
    }
    if relayout {
        let (n, k) = names_to_kinds(&var, &cell, &free, p.argcount as usize, p.kwonlyargcount as usize)?;
        p.local_names = n;
        p.kinds = k;
    }
    Ok(Code::build(p)?.upcast())
}

#[allow(dead_code)]
const _: fn(*mut abi::PyObject) -> PyRef = field;
