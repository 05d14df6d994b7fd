//! `print` and `input`.

use runtime::convert::FuncArgs;
use runtime::objects::exceptions::display::sys_get;
use runtime::prelude::*;

fn separator<'a>(o: Option<&'a Object>, what: &str) -> PyResult<Option<&'a Object>> {
    match o {
        None => Ok(None),
        Some(o) if o.is_none() => Ok(None),
        Some(o) if o.downcast::<Str>().is_some() => Ok(Some(o)),
        Some(o) => Err(raise!(TypeError, "{} must be None or a string, not {}", what, o.ty().name_str())),
    }
}

/// `print(*args, sep=' ', end='\n', file=None, flush=False)`.
pub fn print(args: &FuncArgs<'_>) -> PyResult<()> {
    let (mut sep, mut end, mut file, mut flush) = (None, None, None, None);
    for (k, v) in args.keywords() {
        let slot = match k.downcast::<Str>() {
            Some(k) if k.eq_str("sep") => &mut sep,
            Some(k) if k.eq_str("end") => &mut end,
            Some(k) if k.eq_str("file") => &mut file,
            Some(k) if k.eq_str("flush") => &mut flush,
            _ => {
                return Err(raise!(
                    TypeError,
                    "print() got an unexpected keyword argument '{}'",
                    k.str()?.to_string_lossy()
                ));
            }
        };
        *slot = Some(v);
    }
    let file = match file.filter(|f| !f.is_none()) {
        Some(f) => f.to_ref(),
        None => {
            let out = sys_get("stdout").ok_or_else(|| raise!(RuntimeError, "lost sys.stdout"))?;
            if out.is_none() {
                return Ok(());
            }
            out
        }
    };
    let sep: &Object = separator(sep, "sep")?.unwrap_or(intern!(" "));
    let end: &Object = separator(end, "end")?.unwrap_or(intern!("\n"));
    let write = file.getattr(intern!("write"))?;
    for (i, o) in args.args.iter().enumerate() {
        if i > 0 {
            write.call1(sep)?;
        }
        write.call1(&*o.str()?)?;
    }
    write.call1(end)?;
    if match flush {
        Some(f) => f.is_true()?,
        None => false,
    } {
        file.call_method(intern!("flush"), &[])?;
    }
    Ok(())
}

fn stream(name: &str) -> PyResult<PyRef> {
    sys_get(name).filter(|f| !f.is_none()).ok_or_else(|| raise!(RuntimeError, "input(): lost sys.{}", name))
}

/// Calls `flush`, ignoring its failure.
fn try_flush(file: &Object) {
    if let Err(e) = file.call_method(intern!("flush"), &[]) {
        e.clear();
    }
}

/// `input(prompt)`.
pub fn input(prompt: Option<&Object>) -> PyResult<PyRef> {
    let (fin, fout, ferr) = (stream("stdin")?, stream("stdout")?, stream("stderr")?);
    try_flush(&ferr);
    if let Some(p) = prompt {
        let text = p.str()?;
        fout.call_method(intern!("write"), &[&text])?;
    }
    try_flush(&fout);
    let line = fin.call_method(intern!("readline"), &[])?;
    let Some(s) = line.downcast::<Str>() else {
        return Err(raise!(TypeError, "object.readline() returned non-string"));
    };
    let n = s.len();
    if n == 0 {
        return Err(raise!(EOFError, "EOF when reading a line"));
    }
    if s.char_at(n - 1) == b'\n' as u32 { Ok(s.substring(0, n - 1)?.upcast()) } else { Ok(line) }
}
