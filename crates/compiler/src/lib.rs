//! Python 3.14 source text → code. Knows no Python objects.
//!
//! [`parse`] gives our syntax tree ([`ast`], the shape of Python's `ast` module); [`compile_ast`] gives a tree's code;
//! [`compile_source`] does both. Instructions are described in [`opcode`], the result in [`code`].
//!
//! The way of a module: text → tokens and tree of ruff (`parse`) → our tree (`lower`, `strings`) → folded tree (`fold`)
//! → symbol tables (`symtable`) → instructions of each block (`codegen`, `ir`) → graph, clean-up, layout (`flow`,
//! `locals`, `asm`). All stages recurse on growing stacks: deep sources give RecursionError, not a crash.

mod asm;
pub mod ast;
pub mod blocks;
pub mod code;
mod codegen;
mod comments;
pub mod dis;
pub mod error;
mod errors;
mod flow;
mod fold;
mod ir;
mod locals;
mod lower;
pub mod opcode;
mod parse;
mod recognise;
mod source;
mod strings;
mod symtable;
pub mod tokens;
mod unparse;
mod validate;
mod versions;

pub use code::{CodeData, Const, ExcEntry, Position, PyStr, SyntaxWarning, WarningKind};
pub use error::{CompileError, ErrorKind, Result};
pub use parse::{FeedResult, parse};
pub use unparse::{const_repr, unparse};

/// What is compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// A module
    #[default]
    Exec,
    /// One expression
    Eval,
    /// One interactive statement; expression values are printed
    Single,
    /// A function type comment, `(int, str) -> list` (only for `ast.parse`)
    FuncType,
}

/// How it is compiled.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// co_filename
    pub filename: String,
    /// What is compiled
    pub mode: Mode,
    /// 0, 1 (`-O`: no asserts) or 2 (`-OO`: no docstrings either)
    pub optimize: u8,
    /// `CO_FUTURE_*` bits inherited from the caller
    pub future_flags: u32,
    /// PyCF_DONT_IMPLY_DEDENT
    pub dont_imply_dedent: bool,
    /// PyCF_ALLOW_INCOMPLETE_INPUT
    pub allow_incomplete: bool,
    /// PyCF_ALLOW_TOP_LEVEL_AWAIT
    pub allow_top_level_await: bool,
    /// PyCF_TYPE_COMMENTS
    pub type_comments: bool,
    /// Longest decimal int literal in digits (`sys.set_int_max_str_digits`); 0 means the default, 4300
    pub int_max_str_digits: u32,
    /// The minor version whose grammar the source must fit (`ast.parse(feature_version=...)`)
    pub feature_version: Option<u8>,
    /// Only parse: `ast.PyCF_OPTIMIZED_AST` folds constants in the tree
    pub optimized_ast: bool,
}

/// Compiles source text. A leading BOM and the coding cookie are the caller's business.
pub fn compile_source(source: &str, opts: &Options) -> Result<CodeData> {
    let source = parse::normalize(source);
    let (tree, warnings) = parse::parse_normalized(&source, opts)?;
    compile_tree(tree, Some(&source), opts, warnings)
}

/// Compiles a tree. `source`, if known, gives the text for errors.
///
/// The tree may come from anywhere: it is checked first (ValueError, TypeError).
pub fn compile_ast(tree: ast::Mod, source: Option<&str>, opts: &Options) -> Result<CodeData> {
    validate::validate(&tree)?;
    compile_tree(tree, source, opts, Vec::new())
}

/// What `ast.PyCF_OPTIMIZED_AST` makes of a tree.
pub fn optimize_tree(mut tree: ast::Mod, opts: &Options) -> Result<(ast::Mod, Vec<SyntaxWarning>)> {
    validate::validate(&tree)?;
    let future = opts.future_flags & code::co::FUTURE_ANNOTATIONS != 0;
    let warnings = stacker::maybe_grow(1 << 20, 16 << 20, || {
        fold::optimized(&mut tree, symtable::Src(None), opts.optimize, future)
    })?;
    Ok((tree, warnings))
}

fn compile_tree(
    mut tree: ast::Mod,
    source: Option<&str>,
    opts: &Options,
    mut warnings: Vec<SyntaxWarning>,
) -> Result<CodeData> {
    // Like CPython, which looks the line up by the file's name, give no text for `<string>` and its like.
    let source = source.filter(|_| !opts.filename.starts_with('<'));
    let index = source.map(source::LineIndex::new);
    let src = symtable::Src(source.zip(index.as_ref()));
    let add = |mut e: CompileError, w: Vec<SyntaxWarning>| {
        e.warnings.splice(0..0, w);
        e
    };
    stacker::maybe_grow(1 << 20, 16 << 20, || {
        let (future, future_line) = fold::future(&tree, src).map_err(|e| add(e, warnings.clone()))?;
        let flags = opts.future_flags & code::co::FUTURE_MASK | future;
        warnings.extend(fold::fold(&mut tree, src, opts.optimize, flags & code::co::FUTURE_ANNOTATIONS != 0)?);
        let r = codegen::compile(&tree, src, opts, flags, future_line, warnings);
        parse::drop_deep(tree);
        r
    })
}
