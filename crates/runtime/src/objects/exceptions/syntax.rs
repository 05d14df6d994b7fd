//! `SyntaxError` and its subclasses.

use super::base::none_obj;
use super::simple::base;
use super::{SyntaxError, slot, types};
use crate::convert::FuncArgs;
use crate::error::PyResult;
use crate::object::{Object, PyRef, Ref};
use crate::objects::{Int, Str};
use crate::raise;
use macros::pyclass;

#[pyclass(name = "SyntaxError", type_object = types::TYPE_SyntaxError, flags = "BASETYPE|HAVE_GC",
    members = "msg: object@0.msg; filename: object@0.filename; lineno: object@0.lineno; offset: object@0.offset; text: object@0.text; end_lineno: object@0.end_lineno; end_offset: object@0.end_offset; print_file_and_line: object@0.print_file_and_line; _metadata: object@0.metadata")]
impl SyntaxError {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        args.no_keywords(self.ty().name_str())?;
        base(self).set_args(args.to_tuple()?);
        if let Some(msg) = args.get(0) {
            slot!(self, msg).set(Some(msg.to_ref()));
        }
        if let [_, info] = args.args {
            let info = info.to_tuple()?;
            let f = info.as_slice();
            let n = f.len();
            if n < 4 {
                return Err(raise!(TypeError, "function takes at least 4 arguments ({} given)", n));
            }
            if n > 7 {
                return Err(raise!(TypeError, "function takes at most 7 arguments ({} given)", n));
            }
            let at = |i: usize| f.get(i).map(|o| o.to_ref());
            slot!(self, filename).set(at(0));
            slot!(self, lineno).set(at(1));
            slot!(self, offset).set(at(2));
            slot!(self, text).set(at(3));
            slot!(self, end_lineno).set(at(4));
            slot!(self, end_offset).set(at(5));
            slot!(self, metadata).set(at(6));
            if n == 5 {
                return Err(raise!(TypeError, "end_offset must be provided when end_lineno is provided"));
            }
        }
        Ok(())
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        let msg = slot!(self, msg).get().unwrap_or_else(none_obj).str()?;
        let file = slot!(self, filename).get().and_then(|f| f.downcast_into::<Str>().ok());
        let line = slot!(self, lineno).get().filter(|l| l.downcast_exact::<Int>().is_some());
        let file = match &file {
            Some(f) => {
                let whole = f.to_string_lossy().into_owned();
                Some(whole.rsplit('/').next().unwrap_or("").to_owned())
            }
            None => None,
        };
        match (file, line) {
            (None, None) => Ok(msg),
            (Some(f), Some(l)) => {
                Str::format(format_args!("{} ({f}, line {})", msg.to_string_lossy(), l.str()?.to_string_lossy()))
            }
            (Some(f), None) => Str::format(format_args!("{} ({f})", msg.to_string_lossy())),
            (None, Some(l)) => {
                Str::format(format_args!("{} (line {})", msg.to_string_lossy(), l.str()?.to_string_lossy()))
            }
        }
    }
}

/// What a SyntaxError points at. Columns count characters from 1; 0 or None is unknown.
pub struct Place<'a> {
    pub filename: &'a Object,
    pub lineno: i64,
    pub offset: i64,
    pub end_lineno: i64,
    pub end_offset: i64,
    pub text: Option<&'a Str>,
}

/// Raises a SyntaxError (or `ty`, a subclass) with its place.
pub fn raise_syntax_error(ty: &crate::object::Type, msg: &str, at: &Place<'_>) -> crate::error::Raised {
    let make = || -> PyResult<PyRef> {
        let num = |n: i64| Int::from_i64(n);
        let text: PyRef = at.text.map_or_else(none_obj, |t| t.to_ref());
        let (line, offset) = (num(at.lineno)?, num(at.offset)?);
        let (end_line, end_offset) = (num(at.end_lineno)?, num(at.end_offset)?);
        let parts: [&Object; 6] = [at.filename, &line, &offset, &text, &end_line, &end_offset];
        // Line 0: no end is known.
        let known = if at.end_lineno == 0 { 4 } else { 6 };
        let info = crate::objects::Tuple::from_slice(&parts[..known])?;
        let msg = Str::new(msg)?;
        ty.call(&[&**msg, &**info])
    };
    match make() {
        Ok(e) => crate::error::raise_object(ty, &e),
        Err(e) => e,
    }
}
