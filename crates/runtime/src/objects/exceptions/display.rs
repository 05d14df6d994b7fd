//! Printing exceptions that nobody caught: `sys.excepthook`, `sys.unraisablehook`, and the tracebacks they show.
//!
//! The Python module `traceback` does the printing (carets, suggestions, colours, groups); what is here is the way to it,
//! and a plain printer for when that module cannot be used.

use super::base::none_obj;
use super::{BaseException, BaseExceptionGroup, types};
use crate::error::{PyResult, Raised, restore, take_error};
use crate::object::{Object, PyRef, Ref, Type};
use crate::objects::{Dict, Int, List, Str, Traceback, none};
use crate::thread::InterpreterState;
use crate::{intern, raise};
use std::io::Write;

/// The dict of the module `sys`, once it exists.
pub fn sys_dict() -> Option<Ref<Dict>> {
    let interp = InterpreterState::current();
    if interp.has_sys() { Some(Ref::new_ref(interp.sys_dict())) } else { None }
}

/// An attribute of `sys`; None when it (or `sys`) is missing.
pub fn sys_get(name: &str) -> Option<PyRef> {
    match sys_dict()?.get(Str::intern(name)) {
        Ok(v) => v,
        Err(e) => {
            e.clear();
            None
        }
    }
}

/// Imports a module by its name.
pub fn import(name: &str) -> PyResult<PyRef> {
    crate::import::import_module(name)
}

/// `file.write(text)`.
pub fn write_text(file: &Object, text: &str) -> PyResult<()> {
    let s = Str::new(text)?;
    file.call_method(intern!("write"), &[&s])?;
    Ok(())
}

/// Prints the `lineno`th line of a source file, indented; says nothing when it cannot be read.
pub fn print_source_line(file: &Object, filename: &Str, lineno: i64, indent: usize) -> PyResult<()> {
    if lineno < 1 {
        return Ok(());
    }
    let Some(path) = filename.as_str() else { return Ok(()) };
    let Ok(bytes) = std::fs::read(path) else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes);
    if let Some(line) = text.lines().nth(lineno as usize - 1) {
        let line = line.trim();
        if !line.is_empty() {
            write_text(file, &format!("{:indent$}{line}\n", ""))?;
        }
    }
    Ok(())
}

/// Prints one traceback (`PyTraceBack_Print`).
pub fn print_traceback(file: &Object, tb: &Object) -> PyResult<()> {
    write_text(file, "Traceback (most recent call last):\n")?;
    let limit = match sys_get("tracebacklimit").and_then(|l| l.downcast::<Int>().and_then(Int::try_i64)) {
        Some(n) if n <= 0 => return Ok(()),
        Some(n) => n as usize,
        None => 1000,
    };
    let mut entries = Vec::new();
    let mut next = tb.downcast::<Traceback>().map(Ref::new_ref);
    while let Some(t) = next {
        next = t.next();
        entries.push(t);
    }
    let skip = entries.len().saturating_sub(limit);
    let (mut last, mut repeated): (Option<(String, i64, String)>, usize) = (None, 0);
    let more = |n: usize| format!("  [Previous line repeated {} more time{}]\n", n, if n == 1 { "" } else { "s" });
    for t in &entries[skip..] {
        let (filename, name) = t.place();
        let line = t.lineno();
        let here = (filename.to_string_lossy().into_owned(), line, name.to_string_lossy().into_owned());
        if last.as_ref() == Some(&here) {
            repeated += 1;
            if repeated > 3 {
                continue;
            }
        } else {
            if repeated > 3 {
                write_text(file, &more(repeated - 3))?;
            }
            repeated = 1;
        }
        if repeated <= 3 {
            write_text(file, &format!("  File \"{}\", line {}, in {}\n", here.0, line, here.2))?;
            print_source_line(file, &filename, line, 4)?;
        }
        last = Some(here);
    }
    if repeated > 3 {
        write_text(file, &more(repeated - 3))?;
    }
    Ok(())
}

/// "module.Name: text".
fn print_headline(file: &Object, e: &BaseException) -> PyResult<()> {
    let ty = e.ty();
    let module = ty.getattr_opt(intern!("__module__"))?;
    let qualname = ty.getattr_opt(intern!("__qualname__"))?;
    let mut head = String::new();
    match module.as_ref().and_then(|m| m.downcast::<Str>()) {
        None => head.push_str("<unknown>."),
        Some(m) if m.eq_str("builtins") || m.eq_str("__main__") => {}
        Some(m) => {
            head.push_str(&m.to_string_lossy());
            head.push('.');
        }
    }
    match qualname.as_ref().and_then(|m| m.downcast::<Str>()) {
        Some(q) => head.push_str(&q.to_string_lossy()),
        None => head.push_str("<unknown>"),
    }
    match e.str() {
        Ok(s) if s.len() == 0 => {}
        Ok(s) => {
            head.push_str(": ");
            head.push_str(&s.to_string_lossy());
        }
        Err(err) => {
            err.clear();
            head.push_str(": <exception str() failed>");
        }
    }
    head.push('\n');
    write_text(file, &head)
}

fn print_notes(file: &Object, e: &BaseException) -> PyResult<()> {
    let Some(notes) = e.getattr_opt(intern!("__notes__"))? else { return Ok(()) };
    let items = match notes.downcast::<List>() {
        Some(l) => l.snapshot(),
        None => vec![notes.repr()?.upcast()],
    };
    for n in items {
        let text = n.str()?;
        for line in text.to_string_lossy().split('\n') {
            write_text(file, &format!("{line}\n"))?;
        }
    }
    Ok(())
}

/// SyntaxError shows its own place above the headline.
fn print_syntax_place(file: &Object, e: &BaseException) -> PyResult<()> {
    if e.ty().is_subtype(types::SyntaxError()) {
        let (f, l) = (e.getattr(intern!("filename"))?, e.getattr(intern!("lineno"))?);
        if !l.is_none() {
            let name = if f.is_none() { "<string>".to_owned() } else { f.str()?.to_string_lossy().into_owned() };
            write_text(file, &format!("  File \"{}\", line {}\n", name, l.str()?.to_string_lossy()))?;
            if let Some(t) = e.getattr(intern!("text"))?.downcast::<Str>() {
                write_text(file, &format!("    {}\n", t.to_string_lossy().trim()))?;
            }
        }
    }
    Ok(())
}

/// Groups nest this deep in what is printed.
const MAX_GROUP_DEPTH: usize = 10;

/// Prints an exception with its causes and contexts, without the help of Python code; `depth` groups are around it.
fn print_plain(file: &Object, e: &BaseException, seen: &mut Vec<*const BaseException>, depth: usize) -> PyResult<()> {
    if seen.contains(&(e as *const _)) || seen.len() > 1000 {
        return Ok(());
    }
    seen.push(e);
    if let Some(c) = e.cause() {
        if !seen.contains(&(&*c as *const _)) {
            print_plain(file, &c, seen, depth)?;
            write_text(file, "\nThe above exception was the direct cause of the following exception:\n\n")?;
        }
    } else if let Some(c) = e.context().filter(|_| !e.suppress_context()) {
        if !seen.contains(&(&*c as *const _)) {
            print_plain(file, &c, seen, depth)?;
            write_text(file, "\nDuring handling of the above exception, another exception occurred:\n\n")?;
        }
    }
    if let Some(tb) = e.traceback() {
        print_traceback(file, &tb)?;
    }
    print_syntax_place(file, e)?;
    print_headline(file, e)?;
    print_notes(file, e)?;
    if let Some(g) = e.downcast::<BaseExceptionGroup>() {
        if depth >= MAX_GROUP_DEPTH {
            return write_text(file, &format!("    ... (max_group_depth is {MAX_GROUP_DEPTH})\n"));
        }
        for (i, sub) in g.excs()?.as_slice().iter().enumerate() {
            if let Some(sub) = sub.downcast::<BaseException>() {
                write_text(file, &format!("  +---------------- {} ----------------\n", i + 1))?;
                print_plain(file, sub, seen, depth + 1)?;
            }
        }
    }
    Ok(())
}

/// Prints an exception to a file object (`PyErr_Display`).
pub fn display_to(file: &Object, e: &BaseException) {
    let pending = take_error();
    let nice = || -> PyResult<()> {
        let module = import("traceback")?;
        let print = module.getattr(intern!("_print_exception_bltin"))?;
        print.call1(e)?;
        Ok(())
    };
    let is_stderr = sys_get("stderr").is_some_and(|s| s.is(file));
    let done = is_stderr
        && match nice() {
            Ok(()) => true,
            Err(err) => {
                err.clear();
                false
            }
        };
    if !done {
        if let Err(err) = print_plain(file, e, &mut Vec::new(), 0) {
            err.clear();
        }
    }
    if let Ok(Some(flush)) = file.getattr_opt(intern!("flush")) {
        if let Err(err) = flush.call0() {
            err.clear();
        }
    }
    clear_error();
    if let Some(p) = pending {
        let _ = restore(p);
    }
}

fn clear_error() {
    drop(take_error());
}

/// `sys.excepthook`'s default: prints to `sys.stderr`.
pub fn display(e: &BaseException) {
    match sys_get("stderr") {
        Some(f) if !f.is_none() => display_to(&f, e),
        Some(_) => {}
        None => {
            let text = e.repr().map(|r| r.to_string_lossy().into_owned()).unwrap_or_else(|err| {
                err.clear();
                e.ty().name_str().to_owned()
            });
            let _ = writeln!(std::io::stderr(), "lost sys.stderr\n{text}");
        }
    }
}

/// `PyErr_PrintEx`: hands the set exception to `sys.excepthook` (SystemExit too: the caller has dealt with it), and keeps
/// it as `sys.last_exc`.
pub fn print_set_error() {
    let Some(e) = take_error() else { return };
    if let Some(sys) = sys_dict() {
        let ty: PyRef = {
            let t: &Object = e.ty();
            t.to_ref()
        };
        let tb = e.traceback().unwrap_or_else(none_obj);
        let keep = || -> PyResult<()> {
            sys.set(intern!("last_exc"), &e)?;
            sys.set(intern!("last_type"), &ty)?;
            sys.set(intern!("last_value"), &e)?;
            sys.set(intern!("last_traceback"), &tb)
        };
        if let Err(err) = keep() {
            err.clear();
        }
        match sys_get("excepthook") {
            Some(hook) => {
                // A hook that refuses with RuntimeError silences the display; another error is reported.
                if let Err(err) = crate::lifecycle::audit::audit("sys.excepthook", &[&hook, &ty, &e, &tb]) {
                    if err.matches(types::RuntimeError()) {
                        err.clear();
                        clear_error();
                        return;
                    }
                    write_unraisable_msg("Exception ignored in audit hook", None);
                }
                if let Err(err) = hook.call(&[&ty, &e, &tb]) {
                    if err.matches(types::SystemExit()) {
                        return;
                    }
                    let second = err.take();
                    let _ = std::io::stdout().flush();
                    report(&"Error in sys.excepthook:\n");
                    display(&second);
                    report(&"\nOriginal exception was:\n");
                    display(&e);
                }
            }
            None => {
                report(&"sys.excepthook is missing\n");
                display(&e);
            }
        }
    } else {
        let text = e.str().map(|r| r.to_string_lossy().into_owned()).unwrap_or_else(|err| {
            err.clear();
            String::new()
        });
        let _ = writeln!(std::io::stderr(), "{}: {}", e.ty().name_str(), text);
    }
    clear_error();
}

/// Writes to `sys.stderr`, or to the process's standard error.
fn report(text: &dyn core::fmt::Display) {
    let text = text.to_string();
    match sys_get("stderr").filter(|f| !f.is_none()) {
        Some(f) => {
            if let Err(e) = write_text(&f, &text) {
                e.clear();
            }
        }
        // A closed or full standard error is nothing to report.
        None => drop(std::io::stderr().write_all(text.as_bytes())),
    }
}

/// Reports the set exception through `sys.unraisablehook` and clears it.
pub fn write_unraisable(obj: Option<&Object>) {
    unraisable(None, obj);
}

/// The same with a message instead of "Exception ignored in".
pub fn write_unraisable_msg(msg: &str, obj: Option<&Object>) {
    unraisable(Some(msg), obj);
}

/// Reports the set exception of a failed call: "Exception ignored while calling WHAT <callable>".
pub fn write_unraisable_call(what: &str, callable: &Object) {
    write_unraisable_repr(&format!("Exception ignored while calling {what}"), callable);
}

/// Reports the set exception as "MESSAGE <object>"; the hook's `object` is None.
pub fn write_unraisable_repr(msg: &str, callable: &Object) {
    let Some(e) = take_error() else { return };
    let shown = match callable.repr() {
        Ok(r) => r.to_string_lossy().into_owned(),
        Err(err) => {
            err.clear();
            "<object repr() failed>".to_owned()
        }
    };
    let _ = restore(e);
    unraisable(Some(&format!("{msg} {shown}")), None);
}

fn unraisable(msg: Option<&str>, obj: Option<&Object>) {
    let Some(e) = take_error() else { return };
    if e.traceback().is_none() {
        crate::interp::attach_traceback_here(&e);
    }
    let make = || -> PyResult<PyRef> {
        let ty: &Object = e.ty();
        let tb = e.traceback().unwrap_or_else(none_obj);
        let msg: PyRef = match msg {
            Some(m) => Str::new(m)?.upcast(),
            None => none_obj(),
        };
        hook_args(&[ty, &e, &tb, &msg, obj.unwrap_or(none())])
    };
    let hook = sys_get("unraisablehook").filter(|h| !h.is_none());
    let result = make().and_then(|args| match &hook {
        Some(hook) => {
            crate::lifecycle::audit::audit("sys.unraisablehook", &[hook, &args])?;
            hook.call1(&args).map(drop)
        }
        None => default_unraisablehook(&args),
    });
    if let Err(err) = result {
        let second = err.take();
        let shown = match hook.map(|h| h.repr()) {
            Some(Ok(r)) => format!(": {}", r.to_string_lossy()),
            Some(Err(e)) => {
                e.clear();
                String::new()
            }
            None => String::new(),
        };
        report(&format_args!("Exception ignored in sys.unraisablehook{shown}\n"));
        display(&second);
    }
    clear_error();
}

/// The type `sys.UnraisableHookArgs`.
pub fn unraisable_hook_args() -> PyResult<&'static Ref<Type>> {
    static TYPE: std::sync::OnceLock<Ref<Type>> = std::sync::OnceLock::new();
    if let Some(t) = TYPE.get() {
        return Ok(t);
    }
    let fields = [
        ("exc_type", "Exception type"),
        ("exc_value", "Exception value"),
        ("exc_traceback", "Exception traceback"),
        ("err_msg", "Error message"),
        ("object", "Object causing the exception"),
    ];
    let doc = "UnraisableHookArgs\n\nType used to pass arguments to sys.unraisablehook.";
    let t = crate::objects::structseq::make_type("builtins.UnraisableHookArgs", doc, &fields, 5)?;
    Ok(TYPE.get_or_init(|| t))
}

/// The argument of `sys.unraisablehook`.
fn hook_args(fields: &[&Object; 5]) -> PyResult<PyRef> {
    crate::objects::structseq::new(unraisable_hook_args()?, fields.iter().map(|o| o.to_ref()).collect())
}

/// `sys.__unraisablehook__`.
pub fn default_unraisablehook(args: &Object) -> PyResult<()> {
    if !core::ptr::eq(args.ty(), &**unraisable_hook_args()?) {
        return Err(raise!(TypeError, "sys.unraisablehook argument type must be UnraisableHookArgs"));
    }
    let value = args.getattr(intern!("exc_value"))?;
    let ty = args.getattr(intern!("exc_type"))?;
    let msg = args.getattr(intern!("err_msg"))?;
    let obj = args.getattr(intern!("object"))?;
    let tb = args.getattr(intern!("exc_traceback"))?;
    let Some(file) = sys_get("stderr").filter(|f| !f.is_none()) else { return Ok(()) };
    let shown = |o: &Object| match o.repr() {
        Ok(r) => r.to_string_lossy().into_owned(),
        Err(e) => {
            e.clear();
            "<object repr() failed>".to_owned()
        }
    };
    if !obj.is_none() {
        if msg.is_none() {
            write_text(&file, &format!("Exception ignored in: {}\n", shown(&obj)))?;
        } else {
            write_text(&file, &format!("{}: {}\n", msg.str()?.to_string_lossy(), shown(&obj)))?;
        }
    } else if !msg.is_none() {
        write_text(&file, &format!("{}:\n", msg.str()?.to_string_lossy()))?;
    }
    if let Some(e) = value.downcast::<BaseException>() {
        if e.traceback().is_none() && !tb.is_none() {
            e.set_traceback(Some(tb));
        }
        display_to(&file, e);
    } else if !tb.is_none() {
        print_traceback(&file, &tb)?;
        write_text(&file, &format!("{}\n", shown(&ty)))?;
    } else {
        write_text(&file, &format!("{}\n", shown(&ty)))?;
    }
    Ok(())
}

/// `sys.excepthook(type, value, traceback)`.
pub fn default_excepthook(value: &Object, tb: &Object) -> PyResult<()> {
    if let Some(e) = value.downcast::<BaseException>() {
        if e.traceback().is_none() && tb.downcast::<Traceback>().is_some() {
            e.set_traceback(Some(tb.to_ref()));
        }
        display(e);
        return Ok(());
    }
    report(&format_args!(
        "TypeError: print_exception(): Exception expected for value, {} found\n",
        value.ty().name_str()
    ));
    Ok(())
}

/// Raises what `raise` without an operand raises when nothing is being handled.
pub fn no_active_exception() -> Raised {
    raise!(RuntimeError, "No active exception to reraise")
}
