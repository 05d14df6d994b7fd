//! Python 3.14 source text → code. Knows no Python objects.
//!
//! [`parse`] gives our syntax tree ([`ast`], the shape of Python's `ast` module); [`compile_ast`] gives a tree's code;
//! [`compile_source`] does both. Instructions are described in [`opcode`], the result in [`code`].

pub mod ast;
pub mod code;
pub mod error;
pub mod opcode;

pub use code::{CodeData, Const, ExcEntry, Position, PyStr, SyntaxWarning, WarningKind};
pub use error::{CompileError, ErrorKind, Result};

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
    /// Only parse: `ast.PyCF_OPTIMIZED_AST` folds constants in the tree
    pub optimized_ast: bool,
}

/// Compiles source text. A leading BOM and the coding cookie are the caller's business.
pub fn compile_source(source: &str, opts: &Options) -> Result<CodeData> {
    let (tree, warnings) = parse(source, opts)?;
    let _ = warnings;
    compile_ast(&tree, Some(source), opts)
}

/// Parses source text to a tree, with the warnings of the tokenizer (invalid escapes and the like).
pub fn parse(_source: &str, _opts: &Options) -> Result<(ast::Mod, Vec<SyntaxWarning>)> {
    todo!()
}

/// Compiles a tree. `source`, if known, gives the text for errors.
pub fn compile_ast(_tree: &ast::Mod, _source: Option<&str>, _opts: &Options) -> Result<CodeData> {
    todo!()
}
