//! The syntax tree, node for node what Python's `ast` module documents (Python.asdl of 3.14).
//!
//! `parse` makes it; the Python-visible `ast` module converts it to and from objects one to one. Names are already
//! NFKC-normalised, not mangled. A `Constant` holds any [`Const`] except code.

use crate::code::{Const, PyStr};
use std::sync::Arc;

/// An identifier.
pub type Ident = Arc<str>;

/// Where a node is: lines from 1, columns from 0 in UTF-8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Loc {
    /// lineno
    pub lineno: i32,
    /// col_offset
    pub col: i32,
    /// end_lineno
    pub end_lineno: i32,
    /// end_col_offset
    pub end_col: i32,
}

/// ast.mod
#[derive(Clone, Debug)]
pub enum Mod {
    /// Module(body, type_ignores); type_ignores: (lineno, tag)
    Module { body: Vec<Stmt>, type_ignores: Vec<(i32, String)> },
    /// Interactive(body)
    Interactive { body: Vec<Stmt> },
    /// Expression(body)
    Expression { body: Box<Expr> },
    /// FunctionType(argtypes, returns)
    FunctionType { argtypes: Vec<Expr>, returns: Box<Expr> },
}

/// ast.stmt
#[derive(Clone, Debug)]
pub struct Stmt {
    /// Place
    pub loc: Loc,
    /// Which one
    pub kind: StmtKind,
}

/// A function definition's fields.
#[derive(Clone, Debug)]
pub struct FunctionDef {
    pub is_async: bool,
    pub name: Ident,
    pub args: Arguments,
    pub body: Vec<Stmt>,
    pub decorator_list: Vec<Expr>,
    pub returns: Option<Expr>,
    pub type_comment: Option<String>,
    pub type_params: Vec<TypeParam>,
}

/// A class definition's fields.
#[derive(Clone, Debug)]
pub struct ClassDef {
    pub name: Ident,
    pub bases: Vec<Expr>,
    pub keywords: Vec<Keyword>,
    pub body: Vec<Stmt>,
    pub decorator_list: Vec<Expr>,
    pub type_params: Vec<TypeParam>,
}

/// The statements, fields as in `ast`.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// FunctionDef, AsyncFunctionDef
    FunctionDef(Box<FunctionDef>),
    ClassDef(Box<ClassDef>),
    Return(Option<Box<Expr>>),
    Delete(Vec<Expr>),
    Assign {
        targets: Vec<Expr>,
        value: Box<Expr>,
        type_comment: Option<String>,
    },
    TypeAlias {
        name: Box<Expr>,
        type_params: Vec<TypeParam>,
        value: Box<Expr>,
    },
    AugAssign {
        target: Box<Expr>,
        op: Operator,
        value: Box<Expr>,
    },
    AnnAssign {
        target: Box<Expr>,
        annotation: Box<Expr>,
        value: Option<Box<Expr>>,
        simple: bool,
    },
    /// For, AsyncFor
    For {
        is_async: bool,
        target: Box<Expr>,
        iter: Box<Expr>,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
        type_comment: Option<String>,
    },
    While {
        test: Box<Expr>,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
    },
    If {
        test: Box<Expr>,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
    },
    /// With, AsyncWith
    With {
        is_async: bool,
        items: Vec<WithItem>,
        body: Vec<Stmt>,
        type_comment: Option<String>,
    },
    Match {
        subject: Box<Expr>,
        cases: Vec<MatchCase>,
    },
    Raise {
        exc: Option<Box<Expr>>,
        cause: Option<Box<Expr>>,
    },
    /// Try, TryStar
    Try {
        is_star: bool,
        body: Vec<Stmt>,
        handlers: Vec<ExceptHandler>,
        orelse: Vec<Stmt>,
        finalbody: Vec<Stmt>,
    },
    Assert {
        test: Box<Expr>,
        msg: Option<Box<Expr>>,
    },
    Import(Vec<Alias>),
    ImportFrom {
        module: Option<Ident>,
        names: Vec<Alias>,
        level: u32,
    },
    Global(Vec<Ident>),
    Nonlocal(Vec<Ident>),
    Expr(Box<Expr>),
    Pass,
    Break,
    Continue,
}

/// ast.expr
#[derive(Clone, Debug)]
pub struct Expr {
    /// Place
    pub loc: Loc,
    /// Which one
    pub kind: ExprKind,
}

/// The expressions, fields as in `ast`.
#[derive(Clone, Debug)]
pub enum ExprKind {
    BoolOp {
        op: BoolOp,
        values: Vec<Expr>,
    },
    NamedExpr {
        target: Box<Expr>,
        value: Box<Expr>,
    },
    BinOp {
        left: Box<Expr>,
        op: Operator,
        right: Box<Expr>,
    },
    UnaryOp {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    Lambda {
        args: Box<Arguments>,
        body: Box<Expr>,
    },
    IfExp {
        test: Box<Expr>,
        body: Box<Expr>,
        orelse: Box<Expr>,
    },
    /// A `None` key is `**value`
    Dict {
        keys: Vec<Option<Expr>>,
        values: Vec<Expr>,
    },
    Set(Vec<Expr>),
    ListComp {
        elt: Box<Expr>,
        generators: Vec<Comprehension>,
    },
    SetComp {
        elt: Box<Expr>,
        generators: Vec<Comprehension>,
    },
    DictComp {
        key: Box<Expr>,
        value: Box<Expr>,
        generators: Vec<Comprehension>,
    },
    GeneratorExp {
        elt: Box<Expr>,
        generators: Vec<Comprehension>,
    },
    Await(Box<Expr>),
    Yield(Option<Box<Expr>>),
    YieldFrom(Box<Expr>),
    Compare {
        left: Box<Expr>,
        ops: Vec<CmpOp>,
        comparators: Vec<Expr>,
    },
    Call {
        func: Box<Expr>,
        args: Vec<Expr>,
        keywords: Vec<Keyword>,
    },
    /// conversion: -1, or `s`, `r`, `a` as a number
    FormattedValue {
        value: Box<Expr>,
        conversion: i32,
        format_spec: Option<Box<Expr>>,
    },
    /// `text`: the source text of the expression
    Interpolation {
        value: Box<Expr>,
        text: Const,
        conversion: i32,
        format_spec: Option<Box<Expr>>,
    },
    JoinedStr(Vec<Expr>),
    TemplateStr(Vec<Expr>),
    /// `u_kind`: written with a `u` prefix
    Constant {
        value: Const,
        u_kind: bool,
    },
    Attribute {
        value: Box<Expr>,
        attr: Ident,
        ctx: Ctx,
    },
    Subscript {
        value: Box<Expr>,
        slice: Box<Expr>,
        ctx: Ctx,
    },
    Starred {
        value: Box<Expr>,
        ctx: Ctx,
    },
    Name {
        id: Ident,
        ctx: Ctx,
    },
    List {
        elts: Vec<Expr>,
        ctx: Ctx,
    },
    Tuple {
        elts: Vec<Expr>,
        ctx: Ctx,
    },
    Slice {
        lower: Option<Box<Expr>>,
        upper: Option<Box<Expr>>,
        step: Option<Box<Expr>>,
    },
}

/// ast.expr_context
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ctx {
    Load,
    Store,
    Del,
}

/// ast.boolop
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoolOp {
    And,
    Or,
}

/// ast.operator
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    Add,
    Sub,
    Mult,
    MatMult,
    Div,
    Mod,
    Pow,
    LShift,
    RShift,
    BitOr,
    BitXor,
    BitAnd,
    FloorDiv,
}

/// ast.unaryop
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnaryOp {
    Invert,
    Not,
    UAdd,
    USub,
}

/// ast.cmpop
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CmpOp {
    Eq,
    NotEq,
    Lt,
    LtE,
    Gt,
    GtE,
    Is,
    IsNot,
    In,
    NotIn,
}

/// ast.comprehension
#[derive(Clone, Debug)]
pub struct Comprehension {
    pub target: Expr,
    pub iter: Expr,
    pub ifs: Vec<Expr>,
    pub is_async: bool,
}

/// ast.ExceptHandler
#[derive(Clone, Debug)]
pub struct ExceptHandler {
    pub loc: Loc,
    pub typ: Option<Box<Expr>>,
    pub name: Option<Ident>,
    pub body: Vec<Stmt>,
}

/// ast.arguments
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    pub posonlyargs: Vec<Arg>,
    pub args: Vec<Arg>,
    pub vararg: Option<Box<Arg>>,
    pub kwonlyargs: Vec<Arg>,
    pub kw_defaults: Vec<Option<Expr>>,
    pub kwarg: Option<Box<Arg>>,
    pub defaults: Vec<Expr>,
}

/// ast.arg
#[derive(Clone, Debug)]
pub struct Arg {
    pub loc: Loc,
    pub arg: Ident,
    pub annotation: Option<Box<Expr>>,
    pub type_comment: Option<String>,
}

/// ast.keyword; no name is `**value`
#[derive(Clone, Debug)]
pub struct Keyword {
    pub loc: Loc,
    pub arg: Option<Ident>,
    pub value: Expr,
}

/// ast.alias
#[derive(Clone, Debug)]
pub struct Alias {
    pub loc: Loc,
    pub name: Ident,
    pub asname: Option<Ident>,
}

/// ast.withitem
#[derive(Clone, Debug)]
pub struct WithItem {
    pub context_expr: Expr,
    pub optional_vars: Option<Box<Expr>>,
}

/// ast.match_case
#[derive(Clone, Debug)]
pub struct MatchCase {
    pub pattern: Pattern,
    pub guard: Option<Box<Expr>>,
    pub body: Vec<Stmt>,
}

/// ast.pattern
#[derive(Clone, Debug)]
pub struct Pattern {
    pub loc: Loc,
    pub kind: PatternKind,
}

/// The patterns, fields as in `ast`.
#[derive(Clone, Debug)]
pub enum PatternKind {
    MatchValue(Box<Expr>),
    MatchSingleton(Const),
    MatchSequence(Vec<Pattern>),
    MatchMapping { keys: Vec<Expr>, patterns: Vec<Pattern>, rest: Option<Ident> },
    MatchClass { cls: Box<Expr>, patterns: Vec<Pattern>, kwd_attrs: Vec<Ident>, kwd_patterns: Vec<Pattern> },
    MatchStar(Option<Ident>),
    MatchAs { pattern: Option<Box<Pattern>>, name: Option<Ident> },
    MatchOr(Vec<Pattern>),
}

/// ast.type_param
#[derive(Clone, Debug)]
pub struct TypeParam {
    pub loc: Loc,
    pub name: Ident,
    pub kind: TypeParamKind,
    pub default: Option<Box<Expr>>,
}

/// TypeVar, ParamSpec, TypeVarTuple
#[derive(Clone, Debug)]
pub enum TypeParamKind {
    TypeVar { bound: Option<Box<Expr>> },
    ParamSpec,
    TypeVarTuple,
}

impl Expr {
    /// A str constant's text.
    pub fn as_str_constant(&self) -> Option<&PyStr> {
        match &self.kind {
            ExprKind::Constant { value: Const::Str(s), .. } => Some(s),
            _ => None,
        }
    }
}
