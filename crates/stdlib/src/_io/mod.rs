//! `_io`: the streams of `io` (PEP 3116).

mod base;
mod buffered;
mod bytesio;
mod fileio;
mod newline;
mod stringio;
mod textio;

use macros::pymodule;

/// The io module provides the Python interfaces to stream handling.
#[pymodule(name = "_io")]
pub mod _io {
    use super::base::{self, call0, unsupported};
    use super::{buffered, bytesio, fileio, newline, stringio, textio};
    use runtime::prelude::*;

    #[pyattr(name = "DEFAULT_BUFFER_SIZE")]
    const SIZE: usize = base::DEFAULT_BUFFER_SIZE;

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        base::init()?;
        // class UnsupportedOperation(OSError, ValueError), in `io`.
        let ty: &Object = Type::type_object();
        let bases = Tuple::from_slice(&[exc::OSError(), exc::ValueError()])?;
        let ns = Dict::new()?;
        ns.set(intern!("__module__"), intern!("io"))?;
        let u = ty.call(&[intern!("UnsupportedOperation"), &bases, &ns])?;
        m.add("UnsupportedOperation", u)?;
        m.add("BlockingIOError", (**exc::BlockingIOError()).to_ref())?;
        m.add_type::<base::IoBase>()?;
        m.add_type::<base::RawIoBase>()?;
        m.add_type::<base::BufferedIoBase>()?;
        m.add_type::<base::TextIoBase>()?;
        m.add_type::<fileio::FileIo>()?;
        m.add_type::<bytesio::BytesIo>()?;
        m.add_type::<bytesio::BytesIoBuffer>()?;
        m.add_type::<stringio::StringIo>()?;
        m.add_type::<newline::NewlineDecoder>()?;
        m.add_type::<buffered::BufferedReader>()?;
        m.add_type::<buffered::BufferedWriter>()?;
        m.add_type::<buffered::BufferedRandom>()?;
        m.add_type::<buffered::BufferedRwPair>()?;
        m.add_type::<textio::TextIoWrapper>()
    }

    /// Open file and return a stream.  Raise OSError upon failure.
    #[pyfunction(
        sig = "file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None"
    )]
    #[allow(clippy::too_many_arguments)]
    fn open(
        file: &Object,
        mode: &str,
        buffering: i64,
        encoding: &Object,
        errors: &Object,
        newline: &Object,
        closefd: bool,
        opener: &Object,
    ) -> PyResult<PyRef> {
        let file: PyRef = if file.downcast::<Int>().is_some() || file.index_check() {
            file.to_ref()
        } else {
            runtime::lifecycle::fspath(file)?
        };
        let (mut creating, mut reading, mut writing, mut appending, mut updating, mut text, mut binary) =
            (false, false, false, false, false, false, false);
        for (i, c) in mode.char_indices() {
            let slot = match c {
                'x' => &mut creating,
                'r' => &mut reading,
                'w' => &mut writing,
                'a' => &mut appending,
                '+' => &mut updating,
                't' => &mut text,
                'b' => &mut binary,
                _ => return Err(raise!(ValueError, "invalid mode: '{}'", mode)),
            };
            if *slot || mode[i + c.len_utf8()..].contains(c) {
                return Err(raise!(ValueError, "invalid mode: '{}'", mode));
            }
            *slot = true;
        }
        if text && binary {
            return Err(raise!(ValueError, "can't have text and binary mode at once"));
        }
        if creating as u8 + reading as u8 + writing as u8 + appending as u8 != 1 {
            return Err(raise!(ValueError, "must have exactly one of create/read/write/append mode"));
        }
        for (o, what) in [(encoding, "an encoding"), (errors, "an errors"), (newline, "a newline")] {
            if binary && !o.is_none() {
                return Err(raise!(ValueError, "binary mode doesn't take {} argument", what));
            }
        }
        if binary && buffering == 1 {
            runtime::error::warn(
                exc::RuntimeWarning(),
                "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used",
                1,
            )?;
        }
        let raw_mode: String = [(creating, "x"), (reading, "r"), (writing, "w"), (appending, "a"), (updating, "+")]
            .iter()
            .filter(|(b, _)| *b)
            .map(|(_, s)| *s)
            .collect();
        let file_io: &Object = fileio::FileIo::type_object();
        let raw_mode = Str::new(&raw_mode)?;
        let mut result = file_io.call(&[&file, &raw_mode, Bool::of(closefd), opener])?;
        let r = (|| -> PyResult<PyRef> {
            let raw = result.clone();
            let mut buffering = buffering;
            let tty = (buffering == 1 && !binary) || (buffering < 0 && call0(&raw, intern!("isatty"))?.is_true()?);
            let line = (buffering == 1 || tty) && !binary;
            if buffering < 0 || (buffering == 1) {
                buffering = if tty && buffering < 0 { 8192 } else { base::DEFAULT_BUFFER_SIZE as i64 };
            }
            if buffering < 0 {
                return Err(raise!(ValueError, "invalid buffering size"));
            }
            if buffering == 0 {
                if binary {
                    return Ok(raw);
                }
                return Err(raise!(ValueError, "can't have unbuffered text I/O"));
            }
            let class: &Object = if updating {
                buffered::BufferedRandom::type_object()
            } else if creating || writing || appending {
                buffered::BufferedWriter::type_object()
            } else {
                buffered::BufferedReader::type_object()
            };
            let size = Int::from_i64(buffering)?;
            result = class.call(&[&raw, &size])?;
            if binary {
                return Ok(result.clone());
            }
            let wrapper: &Object = textio::TextIoWrapper::type_object();
            let w = wrapper.call(&[&result, encoding, errors, newline, Bool::of(line)])?;
            result = w.clone();
            w.setattr(intern!("mode"), &*Str::new(mode)?)?;
            Ok(w)
        })();
        if r.is_err() {
            // The file must not stay open because a layer above it failed.
            let saved = runtime::error::take_error();
            if let Err(e) = call0(&result, intern!("close")) {
                e.clear();
            }
            if let Some(e) = saved {
                return Err(runtime::error::restore(e));
            }
        }
        let _ = unsupported;
        r
    }

    /// Opens the provided file with the intent to import the contents.
    #[pyfunction(sig = "path")]
    fn open_code(path: &Object) -> PyResult<PyRef> {
        if path.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "open_code() argument 'path' must be str, not {}", path.ty().name_str()));
        }
        let zero = Str::intern("rb");
        let f: &Object = fileio::FileIo::type_object();
        let raw = f.call(&[path, zero])?;
        let class: &Object = buffered::BufferedReader::type_object();
        class.call1(&raw)
    }

    /// A helper function to choose the text encoding.
    #[pyfunction(sig = "encoding, stacklevel=2, /")]
    fn text_encoding(encoding: &Object, stacklevel: i64) -> PyResult<PyRef> {
        if !encoding.is_none() {
            return Ok(encoding.to_ref());
        }
        let config = ThreadState::current().interp().config();
        if config.warn_default_encoding {
            runtime::error::warn(exc::EncodingWarning(), "'encoding' argument not specified", stacklevel as isize)?;
        }
        Ok((**Str::intern(if config.utf8_mode { "utf-8" } else { "locale" })).to_ref())
    }
}
