//! Argument binding with the wording of `PyArg_ParseTupleAndKeywords` without a function name, and small helpers.

use runtime::abi;
use runtime::convert::FuncArgs;
use runtime::prelude::*;

/// Binds arguments to `names`; the first `max_pos` may be positional, the first `required` must be there.
pub fn bind<'a, const N: usize>(
    args: &FuncArgs<'a>,
    names: [&str; N],
    max_pos: usize,
    required: usize,
) -> PyResult<[Option<&'a Object>; N]> {
    let mut out = [None; N];
    let total = args.len() + args.kwnames.len();
    if total > N {
        return Err(raise!(TypeError, "function takes at most {} arguments ({} given)", N, total));
    }
    if args.len() > max_pos {
        return Err(raise!(
            TypeError,
            "function takes at most {} positional arguments ({} given)",
            max_pos,
            args.len()
        ));
    }
    for (slot, v) in out.iter_mut().zip(args.args) {
        *slot = Some(*v);
    }
    for (k, v) in args.keywords() {
        let i = k.downcast::<Str>().and_then(|k| names.iter().position(|n| k.eq_str(n)));
        match i {
            Some(i) if out[i].is_none() => out[i] = Some(v),
            Some(i) => {
                return Err(raise!(
                    TypeError,
                    "argument for function given by name ('{}') and position ({})",
                    names[i],
                    i + 1
                ));
            }
            None => {
                return Err(raise!(
                    TypeError,
                    "function got an unexpected keyword argument '{}'",
                    k.str()?.to_string_lossy()
                ));
            }
        }
    }
    for i in 0..required {
        if out[i].is_none() {
            return Err(raise!(TypeError, "function missing required argument '{}' (pos {})", names[i], i + 1));
        }
    }
    Ok(out)
}

/// A C int argument.
pub fn int(o: Option<&Object>, default: i64) -> PyResult<i64> {
    let Some(o) = o else { return Ok(default) };
    let v = o.index()?;
    match v.try_i64() {
        Some(n) if i32::try_from(n).is_ok() => Ok(n),
        Some(n) if n < 0 => Err(raise!(OverflowError, "signed integer is less than minimum")),
        Some(_) => Err(raise!(OverflowError, "signed integer is greater than maximum")),
        None => Err(raise!(OverflowError, "Python int too large to convert to C int")),
    }
}

/// The pickled state that a constructor accepts in place of numbers: `len` bytes, or a str of as many Latin-1 characters.
pub fn state(o: &Object, len: usize) -> Option<Vec<u8>> {
    if let Some(b) = o.downcast::<Bytes>() {
        return if b.as_slice().len() == len { Some(b.as_slice().to_vec()) } else { None };
    }
    let s = o.downcast::<Str>()?;
    if s.len() != len {
        return None;
    }
    s.chars().map(|c| u8::try_from(c).ok()).collect()
}

/// A C variable-free view: the header's type pointer of a class.
pub fn type_ptr(t: &Type) -> *mut abi::PyTypeObject {
    t.as_raw()
}

/// The format argument of `strftime` and `__format__`.
pub fn format_arg<'a>(name: &str, o: &'a Object) -> PyResult<&'a Str> {
    o.downcast::<Str>().ok_or_else(|| raise!(TypeError, "{}() argument 1 must be str, not {}", name, o.ty().name_str()))
}
