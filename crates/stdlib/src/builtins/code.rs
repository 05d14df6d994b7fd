//! `compile`, `eval`, `exec`.

use runtime::interp::astobj;
use runtime::objects::Code;
use runtime::prelude::*;

/// `compile()` flags.
mod flag {
    pub const DONT_IMPLY_DEDENT: i32 = 0x200;
    pub const ONLY_AST: i32 = 0x400;
    pub const TYPE_COMMENTS: i32 = 0x1000;
    pub const TOP_LEVEL_AWAIT: i32 = 0x2000;
    pub const ALLOW_INCOMPLETE: i32 = 0x4000;
    pub const OPTIMIZED_AST: i32 = 0x8000 | ONLY_AST;
    /// The `CO_FUTURE_*` bits.
    pub const FUTURE: i32 = 0x1fe0000;
    pub const ALL: i32 = DONT_IMPLY_DEDENT
        | ONLY_AST
        | TYPE_COMMENTS
        | TOP_LEVEL_AWAIT
        | ALLOW_INCOMPLETE
        | OPTIMIZED_AST
        | FUTURE
        | 0x10
        | 0x100;
}

/// `CO_FUTURE_*` bits of the running code.
fn inherited() -> i32 {
    match runtime::interp::current_frame() {
        // SAFETY: a frame of this thread's stack.
        Some(f) => unsafe { (*f).code() }.flags() as i32 & flag::FUTURE,
        None => 0,
    }
}

/// Source text of a str, bytes or buffer; `what` is the function in the error message.
pub(crate) fn source_text(source: &Object, what: &str, kinds: &str, filename: &str) -> PyResult<String> {
    let text = if let Some(s) = source.downcast::<Str>() {
        s.to_str()?.to_owned()
    } else {
        let view = match runtime::protocol::buffer::Buffer::get(source, runtime::abi::PyBUF_SIMPLE as _) {
            Ok(v) => v,
            Err(e) => {
                e.clear();
                return Err(raise!(TypeError, "{}() arg 1 must be a {}", what, kinds));
            }
        };
        runtime::lifecycle::source::decode_source(view.as_slice(), runtime::lifecycle::source::Origin::Text(filename))?
    };
    if text.contains('\0') {
        return Err(raise!(SyntaxError, "source code string cannot contain null bytes"));
    }
    Ok(text)
}

/// The limit of decimal literals, in the form that the compiler's options want.
fn max_digits() -> u32 {
    match runtime::objects::long::text::max_str_digits() {
        0 => u32::MAX,
        n => n as u32,
    }
}

pub(crate) fn file_name(o: &Object) -> PyResult<String> {
    if let Some(s) = o.downcast::<Str>() {
        return Ok(s.to_string_lossy().into_owned());
    }
    if let Some(b) = o.downcast::<Bytes>() {
        return Ok(String::from_utf8_lossy(b.as_slice()).into_owned());
    }
    if let Some(f) = o.lookup_special(intern!("__fspath__"))? {
        return file_name(&*f.call0()?);
    }
    Err(raise!(TypeError, "expected str, bytes or os.PathLike object, not {}", o.ty().name_str()))
}

/// `compile(source, filename, mode, flags, dont_inherit, optimize, _feature_version)`.
pub fn compile(
    source: &Object,
    filename: &Object,
    mode: &Object,
    flags: i32,
    dont_inherit: bool,
    optimize: i32,
    version: i32,
) -> PyResult<PyRef> {
    let filename = file_name(filename)?;
    let Some(mode) = mode.downcast::<Str>() else {
        return Err(raise!(TypeError, "compile() argument 'mode' must be str, not {}", mode.ty().name_str()));
    };
    if flags & !flag::ALL != 0 {
        return Err(raise!(ValueError, "compile(): unrecognised flags"));
    }
    if !(-1..=2).contains(&optimize) {
        return Err(raise!(ValueError, "compile(): invalid optimize value"));
    }
    let only_ast = flags & flag::ONLY_AST != 0;
    let mode = match &*mode.to_string_lossy() {
        "exec" => compiler::Mode::Exec,
        "eval" => compiler::Mode::Eval,
        "single" => compiler::Mode::Single,
        "func_type" if only_ast => compiler::Mode::FuncType,
        "func_type" => return Err(raise!(ValueError, "compile() mode 'func_type' requires flag PyCF_ONLY_AST")),
        _ if only_ast => {
            return Err(raise!(ValueError, "compile() mode must be 'exec', 'eval', 'single' or 'func_type'"));
        }
        _ => return Err(raise!(ValueError, "compile() mode must be 'exec', 'eval' or 'single'")),
    };
    let future = (flags & flag::FUTURE) | if dont_inherit { 0 } else { inherited() };
    let optimize =
        if optimize >= 0 { optimize as u8 } else { ThreadState::current().interp().config().optimization_level as u8 };
    let opts = compiler::Options {
        filename,
        mode,
        optimize,
        future_flags: future as u32,
        dont_imply_dedent: flags & flag::DONT_IMPLY_DEDENT != 0,
        allow_incomplete: flags & flag::ALLOW_INCOMPLETE != 0,
        allow_top_level_await: flags & flag::TOP_LEVEL_AWAIT != 0,
        type_comments: flags & flag::TYPE_COMMENTS != 0,
        feature_version: if only_ast && (0..14).contains(&version) { Some(version as u8) } else { None },
        int_max_str_digits: max_digits(),
        optimized_ast: flags & flag::OPTIMIZED_AST == flag::OPTIMIZED_AST,
        ..Default::default()
    };
    runtime::audit_event!("compile", source, opts.filename.as_str())?;
    let textual = source.downcast::<Str>().is_some() || source.downcast::<Bytes>().is_some();
    if !textual && astobj::is_ast(source)? {
        return if only_ast { astobj::check_object(source, &opts) } else { astobj::compile_object(source, &opts) };
    }
    let text = source_text(source, "compile", "string, bytes or AST object", &opts.filename)?;
    if only_ast {
        return astobj::parse_to_object(&text, &opts);
    }
    Ok(runtime::interp::compile(&text, &opts)?.upcast())
}

/// Globals and locals of `eval` and `exec`.
struct Scope {
    globals: Ref<Dict>,
    locals: PyRef,
}

fn scope(what: &str, globals: Option<&Object>, locals: Option<&Object>) -> PyResult<Scope> {
    if let Some(l) = locals {
        if !l.mapping_check() {
            return Err(if what == "eval" {
                raise!(TypeError, "locals must be a mapping")
            } else {
                raise!(TypeError, "locals must be a mapping or None, not {}", l.ty().name_str())
            });
        }
    }
    let globals = match globals {
        Some(g) => match g.downcast::<Dict>() {
            Some(d) => Ref::new_ref(d),
            None if what == "eval" => {
                return Err(if g.mapping_check() {
                    raise!(TypeError, "globals must be a real dict; try eval(code, {{}}, mapping)")
                } else {
                    raise!(TypeError, "globals must be a dict")
                });
            }
            None => return Err(raise!(TypeError, "exec() globals must be a dict, not {}", g.ty().name_str())),
        },
        None => {
            let Some(g) = runtime::interp::current_globals() else {
                return Err(if what == "eval" {
                    raise!(TypeError, "eval must be given globals and locals when called without a frame")
                } else {
                    raise!(SystemError, "globals and locals cannot be NULL")
                });
            };
            let locals = match locals {
                Some(l) => l.to_ref(),
                None => runtime::interp::current_locals()?,
            };
            return with_builtins(Scope { globals: g, locals });
        }
    };
    let locals = match locals {
        Some(l) => l.to_ref(),
        None => globals.clone().upcast(),
    };
    with_builtins(Scope { globals, locals })
}

fn with_builtins(s: Scope) -> PyResult<Scope> {
    if !s.globals.contains(intern!("__builtins__"))? {
        s.globals.set(intern!("__builtins__"), &*runtime::interp::current_builtins()?)?;
    }
    Ok(s)
}

/// `eval(source, globals, locals)`.
pub fn eval(source: &Object, globals: Option<&Object>, locals: Option<&Object>) -> PyResult<PyRef> {
    let s = scope("eval", globals, locals)?;
    if let Some(code) = source.downcast::<Code>() {
        let free = code.names_of_kind(compiler::code::fast::FREE)?;
        if !free.as_slice().is_empty() {
            return Err(raise!(TypeError, "code object passed to eval() may not contain free variables"));
        }
        runtime::audit_event!("exec", code)?;
        return runtime::interp::eval_code(code, &s.globals, &s.locals);
    }
    let text = source_text(source, "eval", "string, bytes or code object", "<string>")?;
    let text = text.trim_start_matches([' ', '\t']);
    runtime::interp::run_source(text, "<string>", compiler::Mode::Eval, &s.globals, &s.locals, inherited() as u32)
}

/// `exec(source, globals, locals, closure=...)`.
pub fn exec(
    source: &Object,
    globals: Option<&Object>,
    locals: Option<&Object>,
    closure: Option<&Object>,
) -> PyResult<()> {
    let s = scope("exec", globals, locals)?;
    if let Some(code) = source.downcast::<Code>() {
        let free = code.names_of_kind(compiler::code::fast::FREE)?;
        let n = free.as_slice().len();
        let closure = match (n, closure) {
            (0, None) => None,
            (0, Some(_)) => return Err(raise!(TypeError, "cannot use a closure with this code object")),
            (n, c) => {
                let ok = c.and_then(|c| c.downcast::<Tuple>()).filter(|t| {
                    t.as_slice().len() == n
                        && t.as_slice().iter().all(|c| c.downcast::<runtime::objects::Cell>().is_some())
                });
                match ok {
                    Some(t) => Some(t),
                    None => return Err(raise!(TypeError, "code object requires a closure of exactly length {}", n)),
                }
            }
        };
        runtime::audit_event!("exec", code)?;
        runtime::interp::eval_code_closure(code, &s.globals, &s.locals, closure)?;
        return Ok(());
    }
    if closure.is_some() {
        return Err(raise!(TypeError, "closure can only be used when source is a code object"));
    }
    let text = source_text(source, "exec", "string, bytes or code object", "<string>")?;
    runtime::interp::run_source(&text, "<string>", compiler::Mode::Exec, &s.globals, &s.locals, inherited() as u32)?;
    Ok(())
}
