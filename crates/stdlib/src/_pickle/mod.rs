//! `_pickle`: the native pickler and unpickler (PEP 3154, PEP 574). `save` writes pickles, `load` reads them, `buffer` is `PickleBuffer`.

pub mod buffer;
pub mod load;
pub mod objects;
pub mod save;

use crate::kept::Kept;
use macros::pymodule;
use runtime::prelude::*;

/// The newest protocol, and the one written by default.
pub const HIGHEST: i64 = 5;

/// The opcodes of the pickle machine.
pub mod op {
    macro_rules! ops {
        ($($name:ident = $v:literal)*) => { $(pub const $name: u8 = $v;)* };
    }
    ops! {
        MARK = b'(' STOP = b'.' POP = b'0' POP_MARK = b'1' DUP = b'2' FLOAT = b'F' INT = b'I' BININT = b'J' BININT1 = b'K' LONG = b'L'
        BININT2 = b'M' NONE = b'N' PERSID = b'P' BINPERSID = b'Q' REDUCE = b'R' STRING = b'S' BINSTRING = b'T' SHORT_BINSTRING = b'U'
        UNICODE = b'V' BINUNICODE = b'X' APPEND = b'a' BUILD = b'b' GLOBAL = b'c' DICT = b'd' EMPTY_DICT = b'}' APPENDS = b'e' GET = b'g'
        BINGET = b'h' INST = b'i' LONG_BINGET = b'j' LIST = b'l' EMPTY_LIST = b']' OBJ = b'o' PUT = b'p' BINPUT = b'q' LONG_BINPUT = b'r'
        SETITEM = b's' TUPLE = b't' EMPTY_TUPLE = b')' SETITEMS = b'u' BINFLOAT = b'G' PROTO = 0x80 NEWOBJ = 0x81 EXT1 = 0x82 EXT2 = 0x83
        EXT4 = 0x84 TUPLE1 = 0x85 TUPLE2 = 0x86 TUPLE3 = 0x87 NEWTRUE = 0x88 NEWFALSE = 0x89 LONG1 = 0x8a LONG4 = 0x8b BINBYTES = b'B'
        SHORT_BINBYTES = b'C' SHORT_BINUNICODE = 0x8c BINUNICODE8 = 0x8d BINBYTES8 = 0x8e EMPTY_SET = 0x8f ADDITEMS = 0x90 FROZENSET = 0x91
        NEWOBJ_EX = 0x92 STACK_GLOBAL = 0x93 MEMOIZE = 0x94 FRAME = 0x95 BYTEARRAY8 = 0x96 NEXT_BUFFER = 0x97 READONLY_BUFFER = 0x98
    }
}

macro_rules! kept {
    ($($(#[$m:meta])* $name:ident)*) => { $($(#[$m])* pub static $name: Kept = Kept::new();)* };
}
kept! {
    PICKLE_ERROR PICKLING_ERROR UNPICKLING_ERROR
    /// Tables of `copyreg`.
    DISPATCH_TABLE EXTENSION_REGISTRY INVERTED_REGISTRY EXTENSION_CACHE
    /// Tables of `_compat_pickle`.
    NAME_MAPPING IMPORT_MAPPING REVERSE_NAME_MAPPING REVERSE_IMPORT_MAPPING
    /// `codecs.encode`, `builtins.getattr`, `functools.partial`.
    CODECS_ENCODE GETATTR PARTIAL
}

#[cold]
pub fn pickling_error(text: core::fmt::Arguments<'_>) -> Raised {
    PICKLING_ERROR.raise(text)
}

#[cold]
pub fn unpickling_error(text: core::fmt::Arguments<'_>) -> Raised {
    UNPICKLING_ERROR.raise(text)
}

/// Adds a note to the exception in flight.
#[cold]
pub fn note(e: Raised, text: core::fmt::Arguments<'_>) -> Raised {
    let exc = e.take();
    let added = Str::format(text).and_then(|s| exc.call_method(intern!("add_note"), &[&s]));
    if let Err(e) = added {
        e.clear();
    }
    runtime::error::restore(exc)
}

/// The type's name as messages show it: with the module unless it is `builtins` or `__main__`.
pub fn full_type_name(o: &Object) -> String {
    let t = o.ty();
    let q = match t.qualname() {
        Ok(q) => q.str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default(),
        Err(e) => {
            e.clear();
            t.name_str().to_string()
        }
    };
    match t.module() {
        Ok(m) => match m.downcast::<Str>() {
            Some(m) if !m.eq_str("builtins") && !m.eq_str("__main__") => format!("{}.{}", m.to_string_lossy(), q),
            _ => q,
        },
        Err(e) => {
            e.clear();
            q
        }
    }
}

/// An attribute along a path of names.
pub fn get_dotted(start: &Object, path: &[Ref<Str>]) -> PyResult<PyRef> {
    let mut o = start.to_ref();
    for name in path {
        o = o.getattr(name)?;
    }
    Ok(o)
}

pub fn split_dots(name: &Str) -> PyResult<Vec<Ref<Str>>> {
    let list = name.split_list(Some(intern!(".")), -1, false)?;
    list.snapshot()
        .into_iter()
        .map(|o| o.downcast_into::<Str>().map_err(|_| raise!(SystemError, "split gave no string")))
        .collect()
}

/// Imports a module by its dotted name and gives the module itself, from `sys.modules`.
pub fn import_module(name: &Object) -> PyResult<PyRef> {
    let m = runtime::objects::support::builtin("__import__")?;
    // A module that is there already needs no machinery; one still being imported goes through it.
    let imported = m.call1(name)?;
    if let Some(s) = name.downcast::<Str>() {
        if !s.chars().any(|c| c == '.' as u32) {
            return Ok(imported);
        }
    }
    modules()?.get_item(name)
}

pub fn modules() -> PyResult<PyRef> {
    runtime::objects::support::import("sys")?.getattr(intern!("modules"))
}

/// Optimized C implementation for the Python pickle module.
#[pymodule(name = "_pickle")]
pub mod _pickle {
    use super::buffer::PickleBuffer;
    use super::load::{Input, Machine};
    use super::objects::{Pickler, PicklerMemoProxy, Unpickler, UnpicklerMemoProxy, protocol_of, writer_of};
    use super::save::{Saver, Sink};
    use super::*;
    use runtime::convert::HasSpec;
    use runtime::objects::support::{builtin, import};

    /// Return the pickled representation of the object as a bytes object.
    #[pyfunction(sig = "obj, protocol=None, *, fix_imports=True, buffer_callback=None")]
    fn dumps(
        obj: &Object,
        protocol: Option<&Object>,
        fix_imports: bool,
        buffer_callback: Option<&Object>,
    ) -> PyResult<PyRef> {
        let proto = protocol_of(protocol, buffer_callback)?;
        let mut s = Saver::new(Sink::Memory, proto, fix_imports);
        s.buffer_callback = buffer_callback.map(|o| o.to_ref());
        s.dump(obj)?;
        Ok(Bytes::new(&s.out)?.upcast())
    }

    /// Write a pickled representation of obj to the open file object file.
    #[pyfunction(sig = "obj, file, protocol=None, *, fix_imports=True, buffer_callback=None")]
    fn dump(
        obj: &Object,
        file: &Object,
        protocol: Option<&Object>,
        fix_imports: bool,
        buffer_callback: Option<&Object>,
    ) -> PyResult<()> {
        let proto = protocol_of(protocol, buffer_callback)?;
        let mut s = Saver::new(Sink::File(writer_of(file)?), proto, fix_imports);
        s.buffer_callback = buffer_callback.map(|o| o.to_ref());
        s.dump(obj)?;
        s.flush()
    }

    /// Read and return an object from the given pickle data.
    #[pyfunction(sig = "data, /, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=()")]
    fn loads(data: &Object, fix_imports: bool, encoding: &str, errors: &str, buffers: Arg<&Object>) -> PyResult<PyRef> {
        let view = runtime::protocol::buffer::Buffer::get(data, abi::PyBUF_CONTIG_RO)?;
        let mut m = Machine::new(Input::memory(view.as_slice()), fix_imports, encoding, errors);
        m.set_buffers(buffers.into_option())?;
        m.load()
    }

    /// Read and return an object from the pickle data stored in a file.
    #[pyfunction(sig = "file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=()")]
    fn load(file: &Object, fix_imports: bool, encoding: &str, errors: &str, buffers: Arg<&Object>) -> PyResult<PyRef> {
        let mut m = Machine::new(Input::file(file)?, fix_imports, encoding, errors);
        m.set_buffers(buffers.into_option())?;
        m.load()
    }

    fn exception(m: &Module, name: &'static str, base: &Object, doc: &str, at: &'static Kept) -> PyResult<()> {
        let class = match at.get() {
            Ok(c) => c.to_ref(),
            Err(e) => {
                e.clear();
                let ns = Dict::new()?;
                ns.set_str("__module__", &*Str::new("_pickle")?)?;
                if !doc.is_empty() {
                    ns.set_str("__doc__", &*Str::new(doc)?)?;
                }
                let c = (**Type::type_object()).call(&[&*Str::new(name)?, &*Tuple::pack(&[base])?, &ns])?;
                at.set(c.clone());
                c
            }
        };
        m.add(name, class)
    }

    fn table(module: &Object, name: &str, shown: &str, at: &'static Kept) -> PyResult<()> {
        let d = module.getattr(&*Str::new(name)?)?;
        if d.downcast_exact::<Dict>().is_none() {
            return Err(raise!(RuntimeError, "{}.{} should be a dict, not {}", shown, name, d.ty().name_str()));
        }
        at.set(d);
        Ok(())
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<PickleBuffer>()?;
        m.add_type::<Pickler>()?;
        m.add_type::<Unpickler>()?;
        runtime::typeobject::init_static(PicklerMemoProxy::spec())?;
        runtime::typeobject::init_static(UnpicklerMemoProxy::spec())?;
        exception(m, "PickleError", exc::Exception(), "", &PICKLE_ERROR)?;
        exception(m, "PicklingError", PICKLE_ERROR.get()?, "", &PICKLING_ERROR)?;
        exception(m, "UnpicklingError", PICKLE_ERROR.get()?, "", &UNPICKLING_ERROR)?;
        let copyreg = import("copyreg")?;
        table(&copyreg, "dispatch_table", "copyreg", &DISPATCH_TABLE)?;
        table(&copyreg, "_extension_registry", "copyreg", &EXTENSION_REGISTRY)?;
        table(&copyreg, "_inverted_registry", "copyreg", &INVERTED_REGISTRY)?;
        table(&copyreg, "_extension_cache", "copyreg", &EXTENSION_CACHE)?;
        let compat = import("_compat_pickle")?;
        table(&compat, "NAME_MAPPING", "_compat_pickle", &NAME_MAPPING)?;
        table(&compat, "IMPORT_MAPPING", "_compat_pickle", &IMPORT_MAPPING)?;
        table(&compat, "REVERSE_NAME_MAPPING", "_compat_pickle", &REVERSE_NAME_MAPPING)?;
        table(&compat, "REVERSE_IMPORT_MAPPING", "_compat_pickle", &REVERSE_IMPORT_MAPPING)?;
        CODECS_ENCODE.set(import("codecs")?.getattr(intern!("encode"))?);
        PARTIAL.set(import("functools")?.getattr(intern!("partial"))?);
        GETATTR.set(builtin("getattr")?);
        Ok(())
    }
}
