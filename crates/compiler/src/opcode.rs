//! The instruction set: the one table that gives every opcode its number, name, argument kind, stack effect and cache.
//!
//! An instruction is one `u32` word, `op | arg << 8` (24 bits of argument, no EXTENDED_ARG). Opcodes for which
//! [`has_cache`] holds are followed by one *cache word*: a plain index into the code object's table of 64-bit cache
//! entries, where [`cache_entries`] consecutive entries belong to the instruction. Jump arguments are distances in
//! words from the instruction that follows (so after the cache word, if the jump has one).
//!
//! Names, operand encodings and stack effects are those of CPython 3.14 (documented in `dis`), numbers too where one
//! exists. Opcodes from [`FIRST_RESERVED`] on are never emitted here: they belong to the interpreter (specialised
//! and instrumented forms).
//!
//! # Deviations from CPython 3.14
//!
//! - No `EXTENDED_ARG`, `NOT_TAKEN`, `CACHE` (as instruction), `INTERPRETER_EXIT`, `EXIT_INIT_CHECK`.
//! - Caches: see above. `POP_JUMP_IF_*` have none. `LOAD_NAME` has one.
//! - `LOAD_CONST` is used for every constant; small ints 0..=255 use `LOAD_SMALL_INT`.
//! - `END_ASYNC_FOR`'s argument is unused (0).
//! - `END_SEND` as in CPython: `[receiver, value] -> [value]`. `SEND` jumps *to* `END_SEND` when the receiver
//!   is exhausted, with the result on top of the receiver.
//! - `FOR_ITER` as in CPython: when exhausted it jumps to its target, the `END_FOR`, **and skips it** (one word);
//!   the stack then holds the iterator on top and `POP_ITER` follows.
//! - `STORE_FAST` may store NULL and `SWAP`, `COPY` meet NULLs: an inlined comprehension saves the locals it hides with
//!   `LOAD_FAST_AND_CLEAR` and puts them back, in the handler of its exceptions too.
//! - A cell that an inlined comprehension makes takes the slot of a free or cell variable of the same name for a while.
//! - `LOAD_FAST_BORROW` also loads the cells for a closure's tuple (CPython's LOAD_CLOSURE).
//! - `RESUME`: bit 2 of the argument is set when only the StopIteration handler is around, as in CPython.
//! - Module-level `__conditional_annotations__` is a plain name, never a cell.
//! - `CLEANUP_THROW`: `[sub_iter, last_sent, exc] -> [None, value]` when exc is StopIteration, else re-raises.
//! - `COMPARE_OP`: `arg >> 5` is the operator (`<`, `<=`, `==`, `!=`, `>`, `>=`), bit 4 asks for a bool result,
//!   the low 4 bits are CPython's comparison mask (1 unordered, 2 less, 4 greater, 8 equal).

macro_rules! opcodes {
    ($( $(#[doc = $doc:literal])* $num:literal $name:ident $kind:ident ; )*) => {
        /// Opcode numbers.
        pub mod op {
            $( $(#[doc = $doc])* pub const $name: u8 = $num; )*
        }
        /// Name of an opcode, `None` when the number is not one of ours.
        pub const fn name(op: u8) -> Option<&'static str> {
            match op { $( $num => Some(stringify!($name)), )* _ => None }
        }
        /// What the argument of an opcode means.
        pub const fn arg_kind(op: u8) -> ArgKind {
            match op { $( $num => ArgKind::$kind, )* _ => ArgKind::None }
        }
        /// All opcodes that the compiler can emit.
        pub const ALL: &[(u8, &str)] = &[ $( ($num, stringify!($name)), )* ];
    };
}

/// Meaning of an instruction's argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgKind {
    /// No argument.
    None,
    /// A number: count, depth, flag.
    Num,
    /// Index into `consts`.
    Const,
    /// Index into `names`.
    Name,
    /// Index into `names`, shifted left by 1 (low bit: flag).
    Name1,
    /// Index into `names`, shifted left by 2 (two low bits: flags).
    Name2,
    /// Index into `localsplus`.
    Local,
    /// Two indices into `localsplus`, each 12 bits: `first << 12 | second` (see [`pair`]).
    Local2,
    /// Forward distance in words.
    Forward,
    /// Backward distance in words.
    Backward,
    /// Comparison operator.
    Compare,
    /// `NB_*` number.
    Binary,
}

opcodes! {
    /// `[container, start, stop] -> [container[start:stop]]`
    1 BINARY_SLICE None;
    /// `[strings tuple, interpolations tuple] -> [template]`
    2 BUILD_TEMPLATE None;
    /// `[func, self_or_null, args tuple/iterable, kwargs or NULL] -> [result]`
    4 CALL_FUNCTION_EX None;
    /// `[exc, match_type] -> [rest or None, match or None]`
    5 CHECK_EG_MATCH None;
    /// `[exc, type] -> [exc, bool]`
    6 CHECK_EXC_MATCH None;
    /// `[sub_iter, last_sent, exc] -> [None, value]`, or re-raise
    7 CLEANUP_THROW None;
    /// `[container, key] -> []`
    8 DELETE_SUBSCR None;
    /// `[value] -> []`; the target of FOR_ITER, skipped by it
    9 END_FOR None;
    /// `[receiver, value] -> [value]`
    10 END_SEND None;
    /// `[value] -> [format(value, "")]`
    12 FORMAT_SIMPLE None;
    /// `[value, spec] -> [format(value, spec)]`
    13 FORMAT_WITH_SPEC None;
    /// `[obj] -> [aiter(obj)]`
    14 GET_AITER None;
    /// `[aiter] -> [aiter, awaitable]`
    15 GET_ANEXT None;
    /// `[iterable] -> [iterator]`
    16 GET_ITER None;
    /// `[obj] -> [obj, len(obj)]`
    18 GET_LEN None;
    /// `[iterable] -> [iterator]`; coroutines only inside coroutines
    19 GET_YIELD_FROM_ITER None;
    /// `[] -> [__build_class__]`
    21 LOAD_BUILD_CLASS None;
    /// `[] -> [locals mapping]`
    22 LOAD_LOCALS None;
    /// `[code] -> [function]`
    23 MAKE_FUNCTION None;
    /// `[subject, keys] -> [subject, keys, values tuple or None]`
    24 MATCH_KEYS None;
    /// `[subject] -> [subject, bool]`
    25 MATCH_MAPPING None;
    /// `[subject] -> [subject, bool]`
    26 MATCH_SEQUENCE None;
    /// Nothing; keeps a line alive
    27 NOP None;
    /// `[prev_exc] -> []`; restores the handled exception
    29 POP_EXCEPT None;
    /// `[iter] -> []`
    30 POP_ITER None;
    /// `[x] -> []`
    31 POP_TOP None;
    /// `[exc] -> [prev_exc, exc]`; exc becomes the handled exception
    32 PUSH_EXC_INFO None;
    /// `[] -> [NULL]`
    33 PUSH_NULL None;
    /// Creates the generator/coroutine from the frame and returns it to the caller; on resume pushes the sent value
    34 RETURN_GENERATOR None;
    /// `[value] ->` leaves the frame
    35 RETURN_VALUE None;
    /// Makes `__annotations__` in the locals if missing
    36 SETUP_ANNOTATIONS None;
    /// `[value, container, start, stop] -> []`
    37 STORE_SLICE None;
    /// `[value, container, key] -> []`
    38 STORE_SUBSCR None;
    /// `[x] -> [bool(x)]`
    39 TO_BOOL None;
    /// `[x] -> [~x]`
    40 UNARY_INVERT None;
    /// `[x] -> [-x]`
    41 UNARY_NEGATIVE None;
    /// `[bool] -> [not bool]`; operand is already a bool
    42 UNARY_NOT None;
    /// `[exit_func, exit_self, lasti, prev_exc, exc] -> [..same.., exit_func(type, exc, tb)]`
    43 WITH_EXCEPT_START None;
    /// `[a, b] -> [a OP b]`; NB_* numbers, 26 is subscription `a[b]`
    44 BINARY_OP Binary;
    /// `[value, str, (format)] -> [interpolation]`; bit 0: has format, `arg >> 2`: conversion (0 none, 1 s, 2 r, 3 a)
    45 BUILD_INTERPOLATION Num;
    /// `[n items] -> [list]`
    46 BUILD_LIST Num;
    /// `[n (key, value) pairs] -> [dict]`
    47 BUILD_MAP Num;
    /// `[n items] -> [set]`
    48 BUILD_SET Num;
    /// `[2 or 3 items] -> [slice]`
    49 BUILD_SLICE Num;
    /// `[n strings] -> [joined]`
    50 BUILD_STRING Num;
    /// `[n items] -> [tuple]`
    51 BUILD_TUPLE Num;
    /// `[callable, self_or_null, n args] -> [result]`
    52 CALL Num;
    /// `[x] -> [result]`; INTRINSIC_1 numbers
    53 CALL_INTRINSIC_1 Num;
    /// `[x, y] -> [result]`; INTRINSIC_2 numbers
    54 CALL_INTRINSIC_2 Num;
    /// `[callable, self_or_null, n args, kwnames tuple] -> [result]`; n counts keyword args too
    55 CALL_KW Num;
    /// `[a, b] -> [a OP b]`
    56 COMPARE_OP Compare;
    /// `[a, b] -> [a in b]`, negated when arg is 1
    57 CONTAINS_OP Num;
    /// `[x] -> [str/repr/ascii(x)]`, arg 1/2/3
    58 CONVERT_VALUE Num;
    /// Pushes the n-th item from the top (1 is the top)
    59 COPY Num;
    /// Copies n cells of the closure to the last n localsplus slots
    60 COPY_FREE_VARS Num;
    /// `[obj] -> []`
    61 DELETE_ATTR Name;
    /// Empties a cell; NameError when empty
    62 DELETE_DEREF Local;
    /// Unbinds a local; UnboundLocalError when unbound
    63 DELETE_FAST Local;
    /// Deletes a global
    64 DELETE_GLOBAL Name;
    /// Deletes from the locals mapping
    65 DELETE_NAME Name;
    /// `[func, self_or_null, args, dict, .., other] -> [.., dict]`: merge `**kwargs` of a call into STACK\[-arg\] (func is for messages)
    66 DICT_MERGE Num;
    /// `[dict, .., other] -> [dict, ..]`: update STACK\[-arg\]
    67 DICT_UPDATE Num;
    /// `[aiter, exc] -> []` when exc is StopAsyncIteration, else re-raise
    68 END_ASYNC_FOR Num;
    /// `[iter] -> [iter, next]`, or jump past the END_FOR at the target
    70 FOR_ITER Forward;
    /// `[x] -> [awaitable]`; arg 1: from `__aenter__`, 2: from `__aexit__`
    71 GET_AWAITABLE Num;
    /// `[module] -> [module, attr]`
    72 IMPORT_FROM Name;
    /// `[level, fromlist] -> [module]`
    73 IMPORT_NAME Name;
    /// `[a, b] -> [a is b]`, negated when arg is 1
    74 IS_OP Num;
    /// Jump back; checks for pending work
    75 JUMP_BACKWARD Backward;
    /// Jump back without that check
    76 JUMP_BACKWARD_NO_INTERRUPT Backward;
    /// Jump ahead
    77 JUMP_FORWARD Forward;
    /// `[list, .., x] -> [list, ..]`: append to STACK\[-arg\]
    78 LIST_APPEND Num;
    /// `[list, .., iterable] -> [list, ..]`
    79 LIST_EXTEND Num;
    /// `[obj] -> [attr]`, or with the low bit `[obj] -> [callable, self_or_null]`
    80 LOAD_ATTR Name1;
    /// 0 AssertionError, 1 NotImplementedError, 2 tuple, 3 all, 4 any
    81 LOAD_COMMON_CONSTANT Num;
    /// `[] -> [const]`
    82 LOAD_CONST Const;
    /// `[] -> [cell contents]`; NameError when empty
    83 LOAD_DEREF Local;
    /// `[] -> [local]`, known to be bound
    84 LOAD_FAST Local;
    /// `[] -> [local or NULL]`, and the local becomes unbound
    85 LOAD_FAST_AND_CLEAR Local;
    /// `[] -> [borrowed local]`: the local outlives the stack entry
    86 LOAD_FAST_BORROW Local;
    /// Two borrowed locals, see Local2
    87 LOAD_FAST_BORROW_LOAD_FAST_BORROW Local2;
    /// `[] -> [local]`, UnboundLocalError when unbound
    88 LOAD_FAST_CHECK Local;
    /// Two locals, see Local2
    89 LOAD_FAST_LOAD_FAST Local2;
    /// `[mapping] -> [value]`: mapping, else the cell
    90 LOAD_FROM_DICT_OR_DEREF Local;
    /// `[mapping] -> [value]`: mapping, else globals, else builtins
    91 LOAD_FROM_DICT_OR_GLOBALS Name;
    /// `[] -> [value]`, and NULL on top of it with the low bit
    92 LOAD_GLOBAL Name1;
    /// `[] -> [value]`: locals, globals, builtins
    93 LOAD_NAME Name;
    /// `[] -> [int arg]`
    94 LOAD_SMALL_INT Num;
    /// `[obj] -> [method, self_or_null]`: 0 `__enter__`, 1 `__exit__`, 2 `__aenter__`, 3 `__aexit__`
    95 LOAD_SPECIAL Num;
    /// `[global super, class, self] -> [attr]` or `[callable, self_or_null]` (bit 0); bit 1: two-argument form was written
    96 LOAD_SUPER_ATTR Name2;
    /// The local becomes a cell with its value (if bound) inside
    97 MAKE_CELL Local;
    /// `[dict, .., key, value] -> [dict, ..]`
    98 MAP_ADD Num;
    /// `[subject, type, names tuple] -> [attrs tuple or None]`; arg: number of positional patterns
    99 MATCH_CLASS Num;
    /// `[bool] -> []`
    100 POP_JUMP_IF_FALSE Forward;
    /// `[x] -> []`
    101 POP_JUMP_IF_NONE Forward;
    /// `[x] -> []`
    102 POP_JUMP_IF_NOT_NONE Forward;
    /// `[bool] -> []`
    103 POP_JUMP_IF_TRUE Forward;
    /// 0: re-raise, 1: `raise x`, 2: `raise x from y`
    104 RAISE_VARARGS Num;
    /// `[exc] ->` re-raises; with arg n > 0 the frame's lasti is set from STACK\[-n-1\] first (below exc)
    105 RERAISE Num;
    /// `[receiver, v] -> [receiver, yielded]`, or jump to END_SEND with `[receiver, result]`
    106 SEND Forward;
    /// `[set, .., x] -> [set, ..]`
    107 SET_ADD Num;
    /// `[attr, func] -> [func]`: 1 defaults, 2 kwdefaults, 4 annotations, 8 closure, 16 annotate
    108 SET_FUNCTION_ATTRIBUTE Num;
    /// `[set, .., iterable] -> [set, ..]`
    109 SET_UPDATE Num;
    /// `[value, obj] -> []`
    110 STORE_ATTR Name;
    /// `[value] -> []`: into the cell
    111 STORE_DEREF Local;
    /// `[value] -> []`
    112 STORE_FAST Local;
    /// `[value] -> [other local]`: store the first, then load the second
    113 STORE_FAST_LOAD_FAST Local2;
    /// `[v2, v1] -> []`: the top goes to the first, the next to the second
    114 STORE_FAST_STORE_FAST Local2;
    /// `[value] -> []`
    115 STORE_GLOBAL Name;
    /// `[value] -> []`
    116 STORE_NAME Name;
    /// Swaps the top with the n-th item
    117 SWAP Num;
    /// `[seq] -> [after.., list, before..]`: low 8 bits before, `arg >> 8` after
    118 UNPACK_EX Num;
    /// `[seq] -> [n-th, .., first]`
    119 UNPACK_SEQUENCE Num;
    /// `[value] -> [sent]`; arg 1 in `yield from`/`await`
    120 YIELD_VALUE Num;
    /// 0 function start, 1 after yield, 2 after yield from, 3 after await; +4: inside one level of except
    128 RESUME Num;
}

/// Opcodes from here on are the interpreter's own.
pub const FIRST_RESERVED: u8 = 160;

/// Largest argument of an instruction.
pub const MAX_ARG: u32 = (1 << 24) - 1;

/// Packs an instruction word.
#[inline]
pub const fn word(op: u8, arg: u32) -> u32 {
    op as u32 | arg << 8
}

/// Opcode of an instruction word.
#[inline]
pub const fn op_of(word: u32) -> u8 {
    word as u8
}

/// Argument of an instruction word.
#[inline]
pub const fn arg_of(word: u32) -> u32 {
    word >> 8
}

/// Packs the argument of an `ArgKind::Local2` opcode; both must be below 4096.
#[inline]
pub const fn pair(first: u32, second: u32) -> u32 {
    first << 12 | second
}

/// Unpacks the argument of an `ArgKind::Local2` opcode.
#[inline]
pub const fn unpair(arg: u32) -> (u32, u32) {
    (arg >> 12, arg & 0xfff)
}

/// Whether a cache word follows instructions of this opcode.
#[inline]
pub const fn has_cache(op: u8) -> bool {
    cache_entries(op) != 0
}

/// How many consecutive 64-bit entries of the code's cache table an instruction owns.
#[inline]
pub const fn cache_entries(op: u8) -> u32 {
    match op {
        op::LOAD_ATTR | op::CALL | op::CALL_KW => 2,
        op::LOAD_SUPER_ATTR
        | op::STORE_ATTR
        | op::LOAD_GLOBAL
        | op::LOAD_NAME
        | op::BINARY_OP
        | op::STORE_SUBSCR
        | op::COMPARE_OP
        | op::CONTAINS_OP
        | op::FOR_ITER
        | op::UNPACK_SEQUENCE
        | op::TO_BOOL
        | op::SEND
        | op::JUMP_BACKWARD => 1,
        _ => 0,
    }
}

/// Whether the opcode is a jump (has a target).
pub const fn is_jump(op: u8) -> bool {
    matches!(arg_kind(op), ArgKind::Forward | ArgKind::Backward)
}

/// Whether control never falls through to the next instruction.
pub const fn is_terminator(op: u8) -> bool {
    matches!(
        op,
        op::RETURN_VALUE
            | op::RAISE_VARARGS
            | op::RERAISE
            | op::JUMP_FORWARD
            | op::JUMP_BACKWARD
            | op::JUMP_BACKWARD_NO_INTERRUPT
    )
}

/// Net change of the stack's depth; `jump` asks for the effect on the jump's path.
pub const fn stack_effect(op: u8, arg: u32, jump: bool) -> i32 {
    let n = arg as i32;
    match op {
        op::BINARY_SLICE => -2,
        op::BUILD_TEMPLATE => -1,
        op::CALL_FUNCTION_EX => -3,
        op::CHECK_EG_MATCH | op::CHECK_EXC_MATCH => 0,
        op::CLEANUP_THROW => -1,
        op::DELETE_SUBSCR => -2,
        op::END_FOR | op::END_SEND => -1,
        op::FORMAT_SIMPLE => 0,
        op::FORMAT_WITH_SPEC => -1,
        op::GET_AITER | op::GET_ITER | op::GET_YIELD_FROM_ITER | op::GET_AWAITABLE => 0,
        op::GET_ANEXT | op::GET_LEN => 1,
        op::LOAD_BUILD_CLASS | op::LOAD_LOCALS => 1,
        op::MAKE_FUNCTION => 0,
        op::MATCH_KEYS | op::MATCH_MAPPING | op::MATCH_SEQUENCE => 1,
        op::NOP | op::RESUME | op::MAKE_CELL | op::COPY_FREE_VARS | op::SETUP_ANNOTATIONS => 0,
        op::POP_EXCEPT | op::POP_ITER | op::POP_TOP => -1,
        op::PUSH_EXC_INFO | op::PUSH_NULL | op::RETURN_GENERATOR => 1,
        op::RETURN_VALUE => -1,
        op::STORE_SLICE => -4,
        op::STORE_SUBSCR => -3,
        op::TO_BOOL | op::UNARY_INVERT | op::UNARY_NEGATIVE | op::UNARY_NOT => 0,
        op::WITH_EXCEPT_START => 1,
        op::BINARY_OP | op::COMPARE_OP | op::CONTAINS_OP | op::IS_OP => -1,
        op::BUILD_INTERPOLATION => -1 - (n & 1),
        op::BUILD_LIST | op::BUILD_SET | op::BUILD_STRING | op::BUILD_TUPLE | op::BUILD_SLICE => 1 - n,
        op::BUILD_MAP => 1 - 2 * n,
        op::CALL => -1 - n,
        op::CALL_KW => -2 - n,
        op::CALL_INTRINSIC_1 | op::CONVERT_VALUE => 0,
        op::CALL_INTRINSIC_2 => -1,
        op::COPY => 1,
        op::DELETE_ATTR => -1,
        op::DELETE_DEREF | op::DELETE_FAST | op::DELETE_GLOBAL | op::DELETE_NAME => 0,
        op::DICT_MERGE | op::DICT_UPDATE | op::LIST_APPEND | op::LIST_EXTEND | op::SET_ADD | op::SET_UPDATE => -1,
        op::MAP_ADD => -2,
        op::END_ASYNC_FOR => -2,
        op::FOR_ITER => 1,
        op::IMPORT_FROM => 1,
        op::IMPORT_NAME => -1,
        op::JUMP_BACKWARD | op::JUMP_BACKWARD_NO_INTERRUPT | op::JUMP_FORWARD => 0,
        op::LOAD_ATTR => n & 1,
        op::LOAD_COMMON_CONSTANT | op::LOAD_CONST | op::LOAD_DEREF | op::LOAD_FAST | op::LOAD_FAST_AND_CLEAR => 1,
        op::LOAD_FAST_BORROW | op::LOAD_FAST_CHECK | op::LOAD_NAME | op::LOAD_SMALL_INT => 1,
        op::LOAD_FAST_LOAD_FAST | op::LOAD_FAST_BORROW_LOAD_FAST_BORROW => 2,
        op::LOAD_FROM_DICT_OR_DEREF | op::LOAD_FROM_DICT_OR_GLOBALS => 0,
        op::LOAD_GLOBAL => 1 + (n & 1),
        op::LOAD_SPECIAL => 1,
        op::LOAD_SUPER_ATTR => -2 + (n & 1),
        op::MATCH_CLASS => -2,
        op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_NONE | op::POP_JUMP_IF_NOT_NONE | op::POP_JUMP_IF_TRUE => -1,
        op::RAISE_VARARGS => -n,
        op::RERAISE => -1,
        op::SEND => {
            let _ = jump;
            0
        }
        op::SET_FUNCTION_ATTRIBUTE => -1,
        op::STORE_ATTR => -2,
        op::STORE_DEREF | op::STORE_FAST | op::STORE_GLOBAL | op::STORE_NAME => -1,
        op::STORE_FAST_LOAD_FAST => 0,
        op::STORE_FAST_STORE_FAST => -2,
        op::SWAP => 0,
        op::UNPACK_EX => (n & 0xff) + (n >> 8),
        op::UNPACK_SEQUENCE => n - 1,
        op::YIELD_VALUE => 0,
        _ => 0,
    }
}

/// Operator numbers of `BINARY_OP`. In-place forms are `NB_INPLACE` above the plain ones.
pub mod nb {
    /// a + b
    pub const ADD: u32 = 0;
    /// a & b
    pub const AND: u32 = 1;
    /// a // b
    pub const FLOOR_DIVIDE: u32 = 2;
    /// a << b
    pub const LSHIFT: u32 = 3;
    /// a @ b
    pub const MATRIX_MULTIPLY: u32 = 4;
    /// a * b
    pub const MULTIPLY: u32 = 5;
    /// a % b
    pub const REMAINDER: u32 = 6;
    /// a | b
    pub const OR: u32 = 7;
    /// a ** b
    pub const POWER: u32 = 8;
    /// a >> b
    pub const RSHIFT: u32 = 9;
    /// a - b
    pub const SUBTRACT: u32 = 10;
    /// a / b
    pub const TRUE_DIVIDE: u32 = 11;
    /// a ^ b
    pub const XOR: u32 = 12;
    /// Added to the above for the in-place forms (13 ..= 25).
    pub const INPLACE: u32 = 13;
    /// a\[b\]
    pub const SUBSCR: u32 = 26;
    /// Operator text by number.
    pub const TEXT: [&str; 27] = [
        "+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^", "+=", "&=", "//=", "<<=", "@=", "*=",
        "%=", "|=", "**=", ">>=", "-=", "/=", "^=", "[]",
    ];
}

/// Numbers of `CALL_INTRINSIC_1` and `CALL_INTRINSIC_2`.
pub mod intrinsic {
    /// sys.displayhook(x)
    pub const PRINT: u32 = 1;
    /// from x import *
    pub const IMPORT_STAR: u32 = 2;
    /// StopIteration leaving a generator becomes RuntimeError; the result is the exception to re-raise
    pub const STOPITERATION_ERROR: u32 = 3;
    /// Wraps a value yielded by an async generator
    pub const ASYNC_GEN_WRAP: u32 = 4;
    /// +x
    pub const UNARY_POSITIVE: u32 = 5;
    /// tuple(list)
    pub const LIST_TO_TUPLE: u32 = 6;
    /// TypeVar(name)
    pub const TYPEVAR: u32 = 7;
    /// ParamSpec(name)
    pub const PARAMSPEC: u32 = 8;
    /// TypeVarTuple(name)
    pub const TYPEVARTUPLE: u32 = 9;
    /// Generic\[params\]
    pub const SUBSCRIPT_GENERIC: u32 = 10;
    /// (name, type_params, evaluate function) -> TypeAliasType
    pub const TYPEALIAS: u32 = 11;
    /// INTRINSIC_2: (original group, list of raised) -> exception or None
    pub const PREP_RERAISE_STAR: u32 = 1;
    /// INTRINSIC_2: (name, bound evaluator)
    pub const TYPEVAR_WITH_BOUND: u32 = 2;
    /// INTRINSIC_2: (name, constraints evaluator)
    pub const TYPEVAR_WITH_CONSTRAINTS: u32 = 3;
    /// INTRINSIC_2: (function, type params) -> function
    pub const SET_FUNCTION_TYPE_PARAMS: u32 = 4;
    /// INTRINSIC_2: (type param, default evaluator) -> type param
    pub const SET_TYPEPARAM_DEFAULT: u32 = 5;
}
