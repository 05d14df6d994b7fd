//! Errors of compilation.

use crate::code::SyntaxWarning;

/// Which Python exception an error becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// SyntaxError
    Syntax,
    /// IndentationError
    Indentation,
    /// TabError
    Tab,
    /// The source ends too early (`_IncompleteInputError`, only with `allow_incomplete`)
    Incomplete,
    /// RecursionError (no position)
    Recursion,
    /// MemoryError (no position)
    Memory,
    /// OverflowError (no position)
    Overflow,
    /// ValueError: an invalid tree was handed to `compile_ast` (no position)
    Value,
    /// TypeError: an invalid tree was handed to `compile_ast` (no position)
    Type,
    /// SystemError: a bug or limit of the compiler (no position)
    System,
}

/// An error of compilation, with what `SyntaxError` needs.
#[derive(Clone, Debug)]
pub struct CompileError {
    /// Which exception
    pub kind: ErrorKind,
    /// Text
    pub msg: String,
    /// Line from 1; 0 when there is none
    pub lineno: u32,
    /// Column from 1, in characters; 0 when there is none
    pub offset: u32,
    /// Last line; 0 when there is none
    pub end_lineno: u32,
    /// Column after the last; 0 when there is none
    pub end_offset: u32,
    /// The source line, newline included as CPython gives it
    pub text: Option<String>,
    /// Warnings found before the error
    pub warnings: Vec<SyntaxWarning>,
    /// The tokenizer's text: without a newline, and none is added
    pub exact_text: bool,
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.msg)?;
        if self.lineno > 0 {
            write!(f, " (line {}, column {})", self.lineno, self.offset)?;
        }
        Ok(())
    }
}

impl std::error::Error for CompileError {}

/// Result of compilation steps.
pub type Result<T> = std::result::Result<T, CompileError>;

impl CompileError {
    /// An error without a place.
    pub fn plain(kind: ErrorKind, msg: impl Into<String>) -> Self {
        CompileError {
            kind,
            msg: msg.into(),
            lineno: 0,
            offset: 0,
            end_lineno: 0,
            end_offset: 0,
            text: None,
            warnings: Vec::new(),
            exact_text: false,
        }
    }
}
