//! What the compiler produces: code as plain data, with no Python objects in it.

use num_bigint::BigInt;

/// `co_flags` bits.
pub mod co {
    /// Locals live in fast slots.
    pub const OPTIMIZED: u32 = 0x1;
    /// A new locals mapping is made for each call.
    pub const NEWLOCALS: u32 = 0x2;
    /// Has `*args`.
    pub const VARARGS: u32 = 0x4;
    /// Has `**kwargs`.
    pub const VARKEYWORDS: u32 = 0x8;
    /// Is nested in a function.
    pub const NESTED: u32 = 0x10;
    /// Is a generator.
    pub const GENERATOR: u32 = 0x20;
    /// Is a coroutine.
    pub const COROUTINE: u32 = 0x80;
    /// Generator usable as coroutine (`types.coroutine`).
    pub const ITERABLE_COROUTINE: u32 = 0x100;
    /// Is an async generator.
    pub const ASYNC_GENERATOR: u32 = 0x200;
    /// `from __future__ import division`
    pub const FUTURE_DIVISION: u32 = 0x2_0000;
    /// `from __future__ import absolute_import`
    pub const FUTURE_ABSOLUTE_IMPORT: u32 = 0x4_0000;
    /// `from __future__ import with_statement`
    pub const FUTURE_WITH_STATEMENT: u32 = 0x8_0000;
    /// `from __future__ import print_function`
    pub const FUTURE_PRINT_FUNCTION: u32 = 0x10_0000;
    /// `from __future__ import unicode_literals`
    pub const FUTURE_UNICODE_LITERALS: u32 = 0x20_0000;
    /// `from __future__ import barry_as_FLUFL`
    pub const FUTURE_BARRY_AS_BDFL: u32 = 0x40_0000;
    /// `from __future__ import generator_stop`
    pub const FUTURE_GENERATOR_STOP: u32 = 0x80_0000;
    /// `from __future__ import annotations`
    pub const FUTURE_ANNOTATIONS: u32 = 0x100_0000;
    /// consts\[0\] is the docstring.
    pub const HAS_DOCSTRING: u32 = 0x400_0000;
    /// Is a method (defined directly in a class body).
    pub const METHOD: u32 = 0x800_0000;
    /// All `CO_FUTURE_*` bits.
    pub const FUTURE_MASK: u32 = 0x1fe_0000;
}

/// Kind flags of a `localsplus` slot.
pub mod fast {
    /// Positional argument.
    pub const ARG_POS: u8 = 0x02;
    /// Keyword argument.
    pub const ARG_KW: u8 = 0x04;
    /// `*args` or `**kwargs` (with ARG_POS, ARG_KW).
    pub const ARG_VAR: u8 = 0x08;
    /// All argument bits.
    pub const ARG: u8 = ARG_POS | ARG_KW | ARG_VAR;
    /// Local of an inlined comprehension, not in `co_varnames`' scope of `locals()`.
    pub const HIDDEN: u8 = 0x10;
    /// Local variable.
    pub const LOCAL: u8 = 0x20;
    /// Cell variable.
    pub const CELL: u8 = 0x40;
    /// Free variable.
    pub const FREE: u8 = 0x80;
}

/// Text in WTF-8: UTF-8 that may hold lone surrogates (as three bytes ED A0..BF xx).
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct PyStr(Vec<u8>);

impl PyStr {
    /// Empty text.
    pub const fn new() -> Self {
        PyStr(Vec::new())
    }
    /// The bytes, WTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
    /// The text, if it holds no lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
    /// Whether it holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Appends text.
    pub fn push_str(&mut self, s: &str) {
        self.0.extend_from_slice(s.as_bytes());
    }
    /// Appends a code point, surrogates included; a pair of surrogates stays two code points.
    pub fn push_code_point(&mut self, cp: u32) {
        if let Some(c) = char::from_u32(cp) {
            let mut buf = [0; 4];
            self.0.extend_from_slice(c.encode_utf8(&mut buf).as_bytes());
        } else {
            self.0.extend_from_slice(&[
                0xe0 | (cp >> 12) as u8,
                0x80 | (cp >> 6 & 0x3f) as u8,
                0x80 | (cp & 0x3f) as u8,
            ]);
        }
    }
    /// Appends other text.
    pub fn push(&mut self, other: &PyStr) {
        self.0.extend_from_slice(&other.0);
    }
    /// From bytes already known to be WTF-8.
    pub fn from_wtf8(bytes: Vec<u8>) -> Self {
        PyStr(bytes)
    }
    /// Code points, surrogates included.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let b = &self.0;
        let mut i = 0;
        std::iter::from_fn(move || {
            let c = *b.get(i)? as u32;
            let n = match c {
                0..=0x7f => 1,
                0x80..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            let cont = |k: usize| b.get(i + k).map_or(0, |x| *x as u32 & 0x3f);
            let cp = match n {
                1 => c,
                2 => (c & 0x1f) << 6 | cont(1),
                3 => (c & 0xf) << 12 | cont(1) << 6 | cont(2),
                _ => (c & 7) << 18 | cont(1) << 12 | cont(2) << 6 | cont(3),
            };
            i += n;
            Some(cp)
        })
    }
}

impl From<&str> for PyStr {
    fn from(s: &str) -> Self {
        PyStr(s.as_bytes().to_vec())
    }
}

impl From<String> for PyStr {
    fn from(s: String) -> Self {
        PyStr(s.into_bytes())
    }
}

impl std::fmt::Debug for PyStr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.as_str() {
            Some(s) => write!(f, "{s:?}"),
            None => write!(f, "{:?}", String::from_utf8_lossy(&self.0)),
        }
    }
}

/// A constant. Also the value of an `ast.Constant`.
#[derive(Clone, Debug)]
pub enum Const {
    /// None
    None,
    /// True
    True,
    /// False
    False,
    /// ...
    Ellipsis,
    /// An int that fits 64 bits
    Int(i64),
    /// Any other int
    BigInt(Box<BigInt>),
    /// A float
    Float(f64),
    /// A complex: real, imaginary
    Complex(f64, f64),
    /// A str
    Str(PyStr),
    /// Bytes
    Bytes(Vec<u8>),
    /// A tuple
    Tuple(Vec<Const>),
    /// A frozenset (distinct members)
    FrozenSet(Vec<Const>),
    /// A slice: start, stop, step
    Slice(Box<[Const; 3]>),
    /// Nested code
    Code(Box<CodeData>),
}

/// Source position of an instruction: lines from 1, columns from 0 in UTF-8 bytes; -1 means unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Position {
    /// First line
    pub line: i32,
    /// Last line
    pub end_line: i32,
    /// First column
    pub col: i32,
    /// Column after the last
    pub end_col: i32,
}

impl Position {
    /// No position at all.
    pub const NONE: Position = Position { line: -1, end_line: -1, col: -1, end_col: -1 };
}

/// One row of the exception table: words `start..end` are covered by the handler at word `target`.
///
/// On an exception the stack is cut to `depth` entries, then the offset of the raising instruction (as an int) is
/// pushed if `lasti`, then the exception, and execution goes on at `target`. Rows are sorted and do not overlap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExcEntry {
    /// First word covered
    pub start: u32,
    /// Word after the last one covered
    pub end: u32,
    /// Handler
    pub target: u32,
    /// Depth of the stack for the handler
    pub depth: u32,
    /// Whether the offset is pushed too
    pub lasti: bool,
}

/// A compiled block: module, class body, function, lambda, generator expression, annotation scope.
#[derive(Clone, Debug)]
pub struct CodeData {
    /// co_name
    pub name: String,
    /// co_qualname
    pub qualname: String,
    /// co_filename
    pub filename: String,
    /// co_argcount: positional arguments, positional-only ones included
    pub argcount: u32,
    /// co_posonlyargcount
    pub posonlyargcount: u32,
    /// co_kwonlyargcount
    pub kwonlyargcount: u32,
    /// co_flags
    pub flags: u32,
    /// co_stacksize
    pub stacksize: u32,
    /// co_firstlineno
    pub firstlineno: u32,
    /// Instruction and cache words, see `opcode`
    pub instrs: Vec<u32>,
    /// Number of entries of the cache table
    pub ncaches: u32,
    /// co_consts
    pub consts: Vec<Const>,
    /// co_names
    pub names: Vec<String>,
    /// Locals (arguments first), then cells that are no arguments, then free variables; with `fast` flags
    pub localsplus: Vec<(String, u8)>,
    /// Exception table
    pub exception_table: Vec<ExcEntry>,
    /// One per word of `instrs` (a cache word has its instruction's)
    pub positions: Vec<Position>,
    /// Warnings to issue, in source order; only on the outermost code
    pub warnings: Vec<SyntaxWarning>,
}

/// Category of a [`SyntaxWarning`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WarningKind {
    /// SyntaxWarning
    Syntax,
    /// DeprecationWarning
    Deprecation,
}

/// A warning about the source; when a filter turns it into an error, raise a SyntaxError with the same text and place.
#[derive(Clone, Debug)]
pub struct SyntaxWarning {
    /// Category
    pub kind: WarningKind,
    /// Text
    pub msg: String,
    /// Line, from 1
    pub lineno: u32,
    /// Column, from 1, in characters
    pub offset: u32,
    /// Last line
    pub end_lineno: u32,
    /// Column after the last, from 1, in characters
    pub end_offset: u32,
}
