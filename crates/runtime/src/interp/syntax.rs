//! From the compiler's results to Python: code objects, warnings, SyntaxError.

use crate::objects::Code;
use crate::prelude::*;
use compiler::{CompileError, ErrorKind, Options, SyntaxWarning, WarningKind};

/// Compiles source text to a code object, issuing its warnings; SyntaxError and the like when it fails.
pub fn compile(source: &str, opts: &Options) -> PyResult<Ref<Code>> {
    match compiler::compile_source(source, opts) {
        Ok(data) => {
            issue_warnings(&data.warnings, opts, Some(source))?;
            Code::from_data(&data)
        }
        Err(e) => {
            issue_warnings(&e.warnings, opts, Some(source))?;
            Err(raise_compile_error(&e, &opts.filename, Some(source)))
        }
    }
}

/// Issues the warnings of a compilation.
pub fn issue_warnings(ws: &[SyntaxWarning], opts: &Options, source: Option<&str>) -> PyResult<()> {
    for w in ws {
        let cat: &Object = match w.kind {
            WarningKind::Syntax => exc::SyntaxWarning(),
            WarningKind::Deprecation => exc::DeprecationWarning(),
        };
        let msg = Str::new(&w.msg)?;
        let file = Str::new(&opts.filename)?;
        if let Err(e) = crate::error::warn_explicit(cat, &msg, &file, w.lineno as i32, None, None) {
            if e.matches(cat) {
                // A filter turned the warning into an error: give it the form of a SyntaxError
                e.clear();
                return Err(raise_compile_error(
                    &CompileError {
                        kind: ErrorKind::Syntax,
                        msg: w.msg.replace(". Such sequences will not work in the future. Did", ". Did"),
                        lineno: w.lineno,
                        offset: w.offset,
                        end_lineno: w.end_lineno,
                        end_offset: w.end_offset,
                        text: None,
                        warnings: Vec::new(),
                        exact_text: false,
                    },
                    &opts.filename,
                    source,
                ));
            }
            return Err(e);
        }
    }
    Ok(())
}

/// Raises the Python exception of a compile error.
pub fn raise_compile_error(e: &CompileError, filename: &str, source: Option<&str>) -> Raised {
    match build(e, filename, source) {
        Ok(r) | Err(r) => r,
    }
}

fn build(e: &CompileError, filename: &str, source: Option<&str>) -> PyResult<Raised> {
    let ty = match e.kind {
        ErrorKind::Syntax => exc::SyntaxError(),
        ErrorKind::Indentation => exc::IndentationError(),
        ErrorKind::Tab => exc::TabError(),
        ErrorKind::Incomplete => exc::_IncompleteInputError(),
        ErrorKind::Recursion => return Ok(raise!(RecursionError, "{}", e.msg)),
        ErrorKind::Memory => return Ok(raise!(MemoryError, "{}", e.msg)),
        ErrorKind::Overflow => return Ok(raise!(OverflowError, "{}", e.msg)),
        ErrorKind::Value => return Ok(raise!(ValueError, "{}", e.msg)),
        ErrorKind::Type => return Ok(raise!(TypeError, "{}", e.msg)),
        ErrorKind::System => return Ok(raise!(SystemError, "{}", e.msg)),
    };
    let msg = Str::new(&e.msg)?;
    if e.lineno == 0 {
        let x = ty.call1(&msg)?;
        // SAFETY: calling an exception type gave an exception.
        return Ok(crate::error::raise_exception(unsafe { x.cast_into() }));
    }
    // The parser's errors bring their line; others show it when the file can be read
    let line = |src: &str| src.split_inclusive('\n').nth(e.lineno as usize - 1).map(str::to_string);
    let text = match &e.text {
        Some(t) => Some(t.clone()),
        None if filename.starts_with('<') => None,
        None => std::fs::read_to_string(filename).ok().and_then(|s| line(&s)),
    };
    let text: PyRef = match text {
        Some(t) => Str::new(&t)?.upcast(),
        None => none_ref(),
    };
    let file = Str::new(filename)?;
    // `u32::MAX` is -1
    let num = |n: u32| -> PyResult<PyRef> { Ok(Int::from_i64(n as i32 as i64)?.upcast()) };
    let details = Tuple::from_refs(vec![
        file.upcast(),
        num(e.lineno)?,
        num(e.offset)?,
        text,
        num(e.end_lineno)?,
        num(e.end_offset)?,
    ])?;
    let x = ty.call(&[&msg, &details])?;
    if let Some(src) = source
        && (e.msg == "invalid syntax" || e.msg.ends_with("Perhaps you forgot a comma?"))
    {
        // `traceback` looks for misspelt keywords in the text.
        let zero = num(0)?;
        let whole = if src.ends_with('\n') { Str::new(src)? } else { Str::format(format_args!("{src}\n"))? };
        x.setattr(intern!("_metadata"), &*Tuple::from_refs(vec![zero.clone(), zero, whole.upcast()])?)?;
    }
    // SAFETY: calling an exception type gave an exception.
    Ok(crate::error::raise_exception(unsafe { x.cast_into() }))
}
